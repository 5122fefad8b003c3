/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xio_limits.h - options of the embedded engine that libxio 1.7 does not
 * have: what its peers can make a process hold, open, wait for and log.
 *
 * They are set and read with xio_set_opt and xio_get_opt at the level
 * XIO_OPTLEVEL_ACCELIO, process-wide, like all options; another engine
 * answers them with XIO_E_NOT_SUPPORTED. A value outside the range is
 * refused with XIO_E_NOT_SUPPORTED and changes nothing. Values are int but
 * for those marked "bytes", which are uint64_t (setting takes either size).
 * A change counts from then on; what exists beyond a lowered limit stays.
 *
 * A peer beyond a limit costs itself its connection, unless another reaction
 * is named here. Each such connection gives at most one line in the log.
 *
 * "link": one transport connection between two processes (one TCP socket, or
 * the two of dual stream), on which any number of sessions may live.
 */
#ifndef XIO_LIMITS_H
#define XIO_LIMITS_H

#include "libxio.h"

enum xio_limit_optname {
	/*
	 * Sockets of a listener whose connect message, or whose other half,
	 * has not come. The oldest of the same host goes when one more
	 * comes, or else the oldest of all. Default 1024; 2 .. 65536.
	 */
	XIO_OPTNAME_LIMIT_PENDING_SOCKETS	= 20000,
	/*
	 * How long such a socket may wait, in milliseconds.
	 * Default 10000; 1 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_PENDING_TIME		= 20001,
	/*
	 * From the opening of a link to the end of its set-up, on both
	 * sides, and a client's wait for the answer to its hello, in
	 * milliseconds. A client gets the event "connection error" with
	 * XIO_E_TIMEOUT. Default 30000; 1 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_SETUP_TIME		= 20002,
	/*
	 * How long a session that was accepted with portals waits for its
	 * first connection, in milliseconds; it ends with XIO_E_TIMEOUT.
	 * Default 60000; 1 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_HELLO_TIME		= 20003,
	/*
	 * Redirects that a client's session follows; one more is a
	 * connection error with XIO_E_SESSION_REDIRECTED.
	 * Default 8; 0 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_REDIRECTS		= 20004,

	/*
	 * Accepted links: of one host (an IPv4 address, or a 64-bit prefix
	 * of IPv6) in the process, of one server, and of the process.
	 * Defaults 4096, 16384 and 65536; 1 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_LINKS_PER_HOST	= 20010,
	XIO_OPTNAME_LIMIT_LINKS_PER_SERVER	= 20011,
	XIO_OPTNAME_LIMIT_LINKS_TOTAL		= 20012,

	/*
	 * Connections of sessions that are open at a time, on one accepted
	 * link and at one server, where the sessions that wait for their
	 * first connection count too. Defaults 4096 and 65536;
	 * 1 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_SESSIONS_PER_LINK	= 20020,
	XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER	= 20021,

	/*
	 * Received requests and one-way messages of one connection that are
	 * coming in or with the application. Beyond it, and beyond
	 * XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES of their data, reading waits
	 * until one is released. Default 16384; 1 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_HELD_MSGS		= 20030,
	/*
	 * Bytes: data of the messages that all connections of a context
	 * hold like this. Beyond it reading of the connections that hold
	 * any waits. Default 1 GiB; at least 1.
	 */
	XIO_OPTNAME_LIMIT_CONTEXT_BYTES		= 20031,
	/*
	 * Receipts and keepalive answers to one connection that its peer
	 * does not read. Beyond it reading waits until they are sent.
	 * Default 1024; 1 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_UNSENT_ANSWERS	= 20032,
	/*
	 * Bytes: data of one incoming message, checked before memory is set
	 * aside for it. Read when a link is set up. Default 0, which is
	 * XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES.
	 */
	XIO_OPTNAME_LIMIT_MSG_BYTES		= 20033,

	/*
	 * Lines a second in the log about peers of one host; how many were
	 * left out stands in the next one. 0: none at all.
	 * Default 1; 0 .. 2147483647.
	 */
	XIO_OPTNAME_LIMIT_LOG_LINES		= 20040
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - the wire format (accelio-wire.md): pure encoding and decoding of
 * every structure that goes over the wire. No I/O, no allocation, no state.
 *
 * Decoders trust nothing: they read only the bytes they were given and check
 * every length, count and operation code against those bytes and the limits.
 * Errors are negative errno values: -EPROTO for bytes that break the
 * protocol, -EMSGSIZE for lengths above a limit. Encoders write zero into
 * every pad and unused field.
 */
#ifndef XE_FRAME_H
#define XE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libxio.h"

#define XE_MAGIC		0x58494F50u	/* "XIOP" */
#define XE_PROTO_VERSION	0x0100
#define XE_TLV_LEN		16
#define XE_SESSION_HDR_LEN	40
#define XE_TRANSPORT_HDR_LEN	40
#define XE_PREFIX_LEN		96	/* TLV, session and transport header */
#define XE_BODY_MIN		80	/* the prefix without the TLV */
#define XE_SGE_LEN		16
#define XE_WLEN_LEN		4	/* a length entry of a response */
#define XE_CONNECT_LEN		8
#define XE_NEXUS_REQ_LEN	48	/* with TLV */
#define XE_NEXUS_RSP_LEN	52
#define XE_SETUP_MAX		3840	/* largest session setup payload */
#define XE_CANCEL_LEN		26
#define XE_PORTALS_MAX		256	/* portals we accept in one payload */

/* TLV types (7.1) */
enum xe_frame_type {
	XE_MSG_REQ		= 0x0012,
	XE_MSG_RSP		= 0x0014,
	XE_ONE_WAY_REQ		= 0x0022,
	XE_ONE_WAY_RSP		= 0x0024,
	XE_NEXUS_SETUP_REQ	= 0x0082,
	XE_NEXUS_SETUP_RSP	= 0x0084,
	XE_SESSION_SETUP_REQ	= 0x0102,
	XE_SESSION_SETUP_RSP	= 0x0104,
	XE_HELLO_REQ		= 0x0202,
	XE_HELLO_RSP		= 0x0204,
	XE_FIN_REQ		= 0x0402,
	XE_FIN_RSP		= 0x0404,
	XE_CANCEL_REQ		= 0x0802,
	XE_CANCEL_RSP		= 0x0804,
	XE_ACK_REQ		= 0x1002,
	XE_KA_REQ		= 0x4002,
	XE_KA_RSP		= 0x4004
};

#define XE_TYPE_REQUEST		0x2u
#define XE_TYPE_RESPONSE	0x4u

/* Application frames keep their data apart in dual stream (1.7). */
static inline bool xe_type_is_app(uint32_t type)
{
	return (type & 0x38u) != 0;
}

/* Session header flags (7.2) that the library itself sets */
#define XE_FL_IMM_RECEIPT	0x0400u
#define XE_FL_RECEIPT		0x0800u
#define XE_FL_LAST		0x1000u

/* Transport header flags (7.3) */
#define XE_TFL_FORCE_WRITE	0x02
#define XE_TFL_LAST_IN_BATCH	0x10

/* Operation codes (7.4) */
enum xe_op {
	XE_OP_NONE	= 0,
	XE_OP_RECV	= 1,
	XE_OP_SEND	= 2,	/* inline */
	XE_OP_WRITE	= 3,	/* out-of-line response */
	XE_OP_READ	= 4	/* out-of-line request */
};

/* Connect message (1.4) */
enum xe_sock_type {
	XE_SOCK_SINGLE	= 1,
	XE_SOCK_CONTROL	= 2,
	XE_SOCK_DATA	= 3
};

struct xe_connect {
	uint32_t type;			/* enum xe_sock_type */
	uint16_t second_port;
};

void xe_connect_encode(const struct xe_connect *c, uint8_t dst[8]);
/* own_port: the peer's port of this very socket, which no pair may name. */
int xe_connect_decode(const uint8_t src[8], uint16_t own_port,
		      struct xe_connect *c);

/* Nexus setup (2.1, 2.2) */
struct xe_nexus_setup {
	bool response;
	uint16_t version;
	uint16_t flags;			/* 1: reconnect */
	uint32_t cid;
	uint32_t status;		/* responses only */
	uint64_t buf_size;
	uint32_t max_in;
	uint32_t max_out;
	uint32_t max_hdr;
	bool kin;			/* the sender is this engine */
};

/*
 * Engines of this kind recognise each other by marks where libxio 1.7 leaves
 * stale bytes: the last four of nexus setup. A server marks its answer only
 * to a client that marked its request, and mixes the cid into it, so that
 * bytes a libxio process once got from one of us do not pass for a mark.
 */
#define XE_KIN_REQ		0x9D5AE3C7u
#define XE_KIN_RSP		0xB61F84D9u

/* Writes 48 or 52 bytes with TLV and returns how many. */
size_t xe_nexus_setup_encode(const struct xe_nexus_setup *s, uint8_t *dst);
/* src: the 32 or 36 bytes behind the TLV of the given type. */
int xe_nexus_setup_decode(uint32_t type, const uint8_t *src, size_t n,
			  struct xe_nexus_setup *s);

/* What a receiver allows (own announced limits, negotiated mode). */
struct xe_frame_limits {
	bool dual;			/* control socket of a pair */
	uint32_t buf_size;		/* own inline buffer size */
	uint32_t max_in;		/* entries */
	uint32_t max_out;
	uint64_t max_msg;		/* data bytes of one message */
};

/*
 * Reads a TLV header (16 bytes at src). 0 and type, body length; or -EPROTO
 * (magic, unknown type, length below the minimum of the type), -EMSGSIZE.
 */
int xe_tlv_decode(const uint8_t *src, const struct xe_frame_limits *lim,
		  uint32_t *type, uint32_t *len);

/*
 * What cancel frames of our kind carry as serial number; libxio leaves their
 * whole session header stale.
 */
static inline uint64_t xe_cancel_mark(uint32_t cid)
{
	return (uint64_t)XE_KIN_REQ << 32 | cid;
}

/* A frame with session and transport header (3.2 to 3.4). */
struct xe_frame {
	uint32_t type;
	/* session header */
	uint32_t session_id;		/* the receiver's */
	uint32_t flags;
	uint64_t serial;
	uint16_t sn;
	uint16_t ack_sn;
	uint16_t credit_msgs;
	uint32_t receipt_res;
	uint64_t credit_bytes;
	/* transport header */
	uint8_t tflags;
	uint8_t in_op;			/* requests */
	uint8_t out_op;
	uint16_t tsn;
	uint16_t in_nr;			/* requests: entries of each list */
	uint16_t out_nr;		/* responses: length entries */
	uint16_t hdr_len;		/* application header or payload */
	uint16_t pad_len;
	uint32_t ltid;
	uint32_t rtid;			/* responses */
	uint32_t status;		/* responses */
	uint64_t imm_len;		/* see 3.3, 3.4 */

	/* set by decode, pointing into the decoded bytes */
	const uint8_t *lists;		/* in_nr then out_nr entries */
	const uint8_t *hdr;		/* NULL: on the data socket, or none */
	const uint8_t *imm;		/* NULL: not in these bytes */
	uint64_t data_len;		/* message data, wherever it travels */
};

/*
 * Decodes the len body bytes behind a TLV of this type. In the result
 * data_len is the data of the message: inline, or the sum of the entries.
 * When the data is not in the body (dual stream, or out-of-line) imm is NULL.
 * Control payloads of dual stream give hdr NULL and hdr_len.
 */
int xe_frame_decode(uint32_t type, const uint8_t *body, uint32_t len,
		    const struct xe_frame_limits *lim, struct xe_frame *f);

/* Entry i of a request's lists: in entries first, then out entries. */
void xe_frame_sge(const struct xe_frame *f, unsigned int i,
		  struct xio_sge *e);
/* Length entry i of a response. */
uint32_t xe_frame_wlen(const struct xe_frame *f, unsigned int i);

/*
 * Writes TLV, session header, transport header and lists; returns their
 * size. The caller appends header, pad and data. in: in_nr entries (address
 * and length are written); out: out_nr entries of a request, of which a
 * response writes only the lengths. dual: the frame is for the control
 * socket of a pair.
 */
size_t xe_frame_encode(const struct xe_frame *f, bool dual,
		       const struct xio_sge *in, const struct xio_sge *out,
		       uint8_t *dst);

/* Session setup (5.3, 5.4); text is not terminated. */
struct xe_session_req {
	uint32_t session_id;
	uint64_t snd_bytes;
	uint64_t rcv_bytes;
	uint16_t snd_msgs;
	uint16_t rcv_msgs;
	const char *uri;
	uint16_t uri_len;
	const void *priv;
	uint16_t priv_len;
};

/* Returns the size, or -EMSGSIZE when it is above XE_SETUP_MAX. */
int xe_session_req_encode(const struct xe_session_req *r, uint8_t *dst,
			  size_t cap);
int xe_session_req_decode(const uint8_t *src, size_t n,
			  struct xe_session_req *r);

enum xe_action {
	XE_ACTION_ACCEPT	= 1,
	XE_ACTION_REDIRECT	= 2,
	XE_ACTION_REJECT	= 3
};

struct xe_text {
	const char *s;
	uint16_t len;
};

struct xe_session_rsp {
	uint32_t session_id;
	uint16_t action;
	uint64_t snd_bytes;		/* accept */
	uint64_t rcv_bytes;
	uint16_t snd_msgs;
	uint16_t rcv_msgs;
	uint32_t reason;		/* reject */
	uint16_t portals_nr;		/* accept, redirect */
	struct xe_text portals[XE_PORTALS_MAX];
	const void *priv;		/* accept, reject */
	uint16_t priv_len;
};

int xe_session_rsp_encode(const struct xe_session_rsp *r, uint8_t *dst,
			  size_t cap);
int xe_session_rsp_decode(const uint8_t *src, size_t n,
			  struct xe_session_rsp *r);

/* Cancel payload (6.8), 26 bytes. */
struct xe_cancel {
	uint16_t tsn;
	uint32_t result;
	uint32_t requester_session;
	uint32_t responder_session;
	uint64_t serial;
};

void xe_cancel_encode(const struct xe_cancel *c, uint8_t dst[26]);
int xe_cancel_decode(const uint8_t *src, size_t n, struct xe_cancel *c);

#endif

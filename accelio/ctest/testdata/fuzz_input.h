/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_input.h - the first byte of a fuzz input says what the rest is.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

enum fuzz_kind {
	FUZZ_SINGLE,		/* TLV and body, single stream */
	FUZZ_DUAL,		/* the same, control socket of a pair */
	FUZZ_NEXUS,		/* TLV and body */
	FUZZ_SESSION_REQ,	/* payloads */
	FUZZ_SESSION_RSP,
	FUZZ_CANCEL,
	FUZZ_CONNECT,
	FUZZ_KINDS
};

#endif

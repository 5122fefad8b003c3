/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.c - the last error of each thread and the texts of all codes.
 *
 * Design notes: the last error is never reset by success, as in libxio 1.7.
 * It holds either an errno value or an enum xio_status.
 */
#include <string.h>

#include "base.h"

static _Thread_local int last_error;

static const char *const status_text[] = {
	"Not supported",
	"No buffer space available",
	"Connect error",
	"Route error",
	"Address error",
	"No route to host",
	"Message too long",
	"Partial message",
	"Message is invalid",
	"Message unknown",
	"Session refused",
	"Session aborted",
	"Session disconnected",
	"Session rejected",
	"Session redirected",
	"Session closed",
	"Bind failed",
	"Timeout",
	"Operation now in progress",
	"Invalid version",
	"Not a session",
	"Open failed",
	"Read failed",
	"Write failed",
	"Close failed",
	"Operation unsuccessful",
	"Message canceled",
	"Message cancel failed",
	"Message not found",
	"Message flushed",
	"Message discarded",
	"Operation not permitted in current state",
	"User buffers not available",
	"User mr not available",
	"Local user buffers overflow",
	"Remote user buffers overflow",
	"Send queue overflow",
	"User object not found",
	"Peer receive queue is smaller then message size",
	"Response buffer is smaller then actual response"
};

_Static_assert(sizeof(status_text) / sizeof(status_text[0]) ==
	       XIO_E_LAST_STATUS - XIO_BASE_STATUS, "one text for each status");

void xe_set_errno(int code)
{
	last_error = code;
}

int xe_fail(int code)
{
	last_error = code;
	return -1;
}

int xio_errno(void)
{
	return last_error;
}

const char *xio_strerror(int errnum)
{
	if (errnum == XIO_E_SUCCESS)
		return "Success";
	if (errnum < XIO_BASE_STATUS)
		return strerror(errnum);
	if (errnum < XIO_E_LAST_STATUS)
		return status_text[errnum - XIO_BASE_STATUS];
	return "Unknown error";
}

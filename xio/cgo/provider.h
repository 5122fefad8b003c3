/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider.h - names the library under the seam and checks its header.
 *
 * XG_EMBEDDED is set by link_embedded.go: the engine's objects belong to
 * another Go package, so cgo's trial link of this package does not see them.
 * Weak references let that trial link pass; the final link resolves them.
 */
#ifndef XG_PROVIDER_H
#define XG_PROVIDER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <libxio.h>
#pragma GCC diagnostic pop

#ifdef XG_EMBEDDED
#pragma weak xio_init
#pragma weak xio_version
#pragma weak xio_errno
#pragma weak xio_strerror
#pragma weak xio_set_opt
#pragma weak xio_get_opt
#pragma weak xio_context_create
#pragma weak xio_context_destroy
#pragma weak xio_context_get_poll_fd
#pragma weak xio_context_add_ev_handler
#pragma weak xio_context_del_ev_handler
#pragma weak xio_context_poll_wait
#pragma weak xio_session_create
#pragma weak xio_session_destroy
#pragma weak xio_modify_session
#pragma weak xio_connect
#pragma weak xio_disconnect
#pragma weak xio_connection_destroy
#pragma weak xio_modify_connection
#pragma weak xio_query_connection
#pragma weak xio_bind
#pragma weak xio_unbind
#pragma weak xio_accept
#pragma weak xio_reject
#pragma weak xio_redirect
#pragma weak xio_send_request
#pragma weak xio_send_response
#pragma weak xio_send_msg
#pragma weak xio_cancel_request
#pragma weak xio_cancel
#pragma weak xio_release_response
#pragma weak xio_release_msg
#pragma weak xio_mem_alloc
#pragma weak xio_mem_free
#pragma weak xio_mem_register
#pragma weak xio_mem_dereg
#pragma weak xio_context_poll_completions
#pragma weak xio_send_rdma
#pragma weak xio_lookup_rkey_by_request
#pragma weak xio_lookup_rkey_by_response
#endif

/* The layouts this shim was written for; another header is refused here. */
_Static_assert(XIO_VERSION == 0x0100, "libxio.h: protocol version is not 1.0");
_Static_assert(XIO_BASE_STATUS == 1247689300, "libxio.h: other status codes");
#if UINTPTR_MAX > 0xffffffffu
_Static_assert(sizeof(struct xio_msg) == 424, "libxio.h: xio_msg is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_vmsg) == 160, "libxio.h: xio_vmsg is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_iovec_ex) == 32, "libxio.h: xio_iovec_ex is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_session_ops) == 96, "libxio.h: xio_session_ops is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_session_params) == 48, "libxio.h: xio_session_params is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_connection_params) == 40, "libxio.h: xio_connection_params is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_connection_attr) == 280, "libxio.h: xio_connection_attr is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_session_event_data) == 40, "libxio.h: xio_session_event_data is not that of libxio 1.7");
_Static_assert(sizeof(struct xio_reg_mem) == 32, "libxio.h: xio_reg_mem is not that of libxio 1.7");
#endif

#endif /* XG_PROVIDER_H */

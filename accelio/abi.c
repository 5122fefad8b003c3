/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi.c - no code: what a program compiled for libxio 1.7 on a 64-bit machine
 * relies on, held by the compiler (accelio-api 2).
 */
#include "libxio.h"

#if defined(__LP64__)

#define SIZE(type, n) \
	_Static_assert(sizeof(type) == (n), "size of " #type)
#define AT(type, field, off, n)						\
	_Static_assert(offsetof(type, field) == (off) &&		\
		       sizeof(((type *)0)->field) == (n), #type "." #field)

SIZE(struct xio_iovec, 16);
AT(struct xio_iovec, iov_base, 0, 8);
AT(struct xio_iovec, iov_len, 8, 8);

SIZE(struct xio_iovec_ex, 32);
AT(struct xio_iovec_ex, iov_base, 0, 8);
AT(struct xio_iovec_ex, iov_len, 8, 8);
AT(struct xio_iovec_ex, mr, 16, 8);
AT(struct xio_iovec_ex, user_context, 24, 8);

SIZE(struct xio_sg_table, 16);
AT(struct xio_sg_table, nents, 0, 4);
AT(struct xio_sg_table, max_nents, 4, 4);
AT(struct xio_sg_table, sglist, 8, 8);

SIZE(struct xio_sg_iovptr, 16);
AT(struct xio_sg_iovptr, nents, 0, 4);
AT(struct xio_sg_iovptr, max_nents, 4, 4);
AT(struct xio_sg_iovptr, sglist, 8, 8);

SIZE(struct xio_sg_iov, 136);
AT(struct xio_sg_iov, nents, 0, 4);
AT(struct xio_sg_iov, max_nents, 4, 4);
AT(struct xio_sg_iov, sglist, 8, 128);

SIZE(struct xio_vmsg, 160);
AT(struct xio_vmsg, header, 0, 16);
AT(struct xio_vmsg, sgl_type, 16, 4);
AT(struct xio_vmsg, pad, 20, 4);
AT(struct xio_vmsg, data_tbl, 24, 16);
AT(struct xio_vmsg, data_iov, 24, 136);
AT(struct xio_vmsg, pdata_iov, 24, 16);

SIZE(struct xio_rdma_msg, 32);
AT(struct xio_rdma_msg, length, 0, 8);
AT(struct xio_rdma_msg, nents, 8, 8);
AT(struct xio_rdma_msg, rsg_list, 16, 8);
AT(struct xio_rdma_msg, is_read, 24, 4);
AT(struct xio_rdma_msg, pad, 28, 4);

SIZE(struct xio_sge, 16);
AT(struct xio_sge, addr, 0, 8);
AT(struct xio_sge, length, 8, 4);
AT(struct xio_sge, stag, 12, 4);

SIZE(struct xio_msg_pdata, 16);
AT(struct xio_msg_pdata, next, 0, 8);
AT(struct xio_msg_pdata, prev, 8, 8);

SIZE(struct xio_msg, 424);
AT(struct xio_msg, sn, 0, 8);
AT(struct xio_msg, request, 0, 8);
AT(struct xio_msg, in, 8, 160);
AT(struct xio_msg, out, 168, 160);
AT(struct xio_msg, rdma, 328, 32);
AT(struct xio_msg, user_context, 360, 8);
AT(struct xio_msg, type, 368, 4);
AT(struct xio_msg, receipt_res, 372, 4);
AT(struct xio_msg, flags, 376, 8);
AT(struct xio_msg, timestamp, 384, 8);
AT(struct xio_msg, hints, 392, 8);
AT(struct xio_msg, pdata, 400, 16);
AT(struct xio_msg, next, 416, 8);

SIZE(struct xio_reg_mem, 32);
AT(struct xio_reg_mem, addr, 0, 8);
AT(struct xio_reg_mem, length, 8, 8);
AT(struct xio_reg_mem, mr, 16, 8);
AT(struct xio_reg_mem, priv, 24, 8);

SIZE(struct xio_context_params, 24);
AT(struct xio_context_params, user_context, 0, 8);
AT(struct xio_context_params, prealloc_xio_inline_bufs, 8, 4);
AT(struct xio_context_params, max_conns_per_ctx, 12, 4);
AT(struct xio_context_params, register_internal_mempool, 16, 4);
AT(struct xio_context_params, rq_depth, 20, 4);

SIZE(struct xio_context_attr, 8);
AT(struct xio_context_attr, user_context, 0, 8);

SIZE(struct xio_session_params, 48);
AT(struct xio_session_params, type, 0, 4);
AT(struct xio_session_params, initial_sn, 4, 4);
AT(struct xio_session_params, ses_ops, 8, 8);
AT(struct xio_session_params, user_context, 16, 8);
AT(struct xio_session_params, private_data, 24, 8);
AT(struct xio_session_params, private_data_len, 32, 8);
AT(struct xio_session_params, uri, 40, 8);

SIZE(struct xio_session_attr, 24);
AT(struct xio_session_attr, ses_ops, 0, 8);
AT(struct xio_session_attr, user_context, 8, 8);
AT(struct xio_session_attr, uri, 16, 8);

SIZE(struct xio_session_event_data, 40);
AT(struct xio_session_event_data, conn, 0, 8);
AT(struct xio_session_event_data, conn_user_context, 8, 8);
AT(struct xio_session_event_data, event, 16, 4);
AT(struct xio_session_event_data, reason, 20, 4);
AT(struct xio_session_event_data, private_data, 24, 8);
AT(struct xio_session_event_data, private_data_len, 32, 8);

SIZE(struct xio_new_session_req, 152);
AT(struct xio_new_session_req, uri, 0, 8);
AT(struct xio_new_session_req, private_data, 8, 8);
AT(struct xio_new_session_req, uri_len, 16, 2);
AT(struct xio_new_session_req, private_data_len, 18, 2);
AT(struct xio_new_session_req, proto, 20, 4);
AT(struct xio_new_session_req, src_addr, 24, 128);

SIZE(struct xio_new_session_rsp, 16);
AT(struct xio_new_session_rsp, private_data, 0, 8);
AT(struct xio_new_session_rsp, private_data_len, 8, 2);
AT(struct xio_new_session_rsp, reserved, 10, 6);

SIZE(struct xio_session_ops, 96);
AT(struct xio_session_ops, on_session_event, 0, 8);
AT(struct xio_session_ops, on_new_session, 8, 8);
AT(struct xio_session_ops, on_session_established, 16, 8);
AT(struct xio_session_ops, on_msg_send_complete, 24, 8);
AT(struct xio_session_ops, on_msg, 32, 8);
AT(struct xio_session_ops, on_msg_delivered, 40, 8);
AT(struct xio_session_ops, on_msg_error, 48, 8);
AT(struct xio_session_ops, on_cancel, 56, 8);
AT(struct xio_session_ops, on_cancel_request, 64, 8);
AT(struct xio_session_ops, assign_data_in_buf, 72, 8);
AT(struct xio_session_ops, on_ow_msg_send_complete, 80, 8);
AT(struct xio_session_ops, on_rdma_direct_complete, 88, 8);

SIZE(struct xio_connection_params, 40);
AT(struct xio_connection_params, session, 0, 8);
AT(struct xio_connection_params, ctx, 8, 8);
AT(struct xio_connection_params, conn_idx, 16, 4);
AT(struct xio_connection_params, enable_tos, 20, 1);
AT(struct xio_connection_params, tos, 21, 1);
AT(struct xio_connection_params, disconnect_timeout_secs, 22, 2);
AT(struct xio_connection_params, out_addr, 24, 8);
AT(struct xio_connection_params, conn_user_context, 32, 8);

SIZE(struct xio_connection_attr, 280);
AT(struct xio_connection_attr, user_context, 0, 8);
AT(struct xio_connection_attr, ctx, 8, 8);
AT(struct xio_connection_attr, tos, 16, 1);
AT(struct xio_connection_attr, pad, 17, 1);
AT(struct xio_connection_attr, disconnect_timeout_secs, 18, 2);
AT(struct xio_connection_attr, proto, 20, 4);
AT(struct xio_connection_attr, peer_addr, 24, 128);
AT(struct xio_connection_attr, local_addr, 152, 128);

SIZE(struct xio_mem_allocator, 64);
AT(struct xio_mem_allocator, user_context, 0, 8);
AT(struct xio_mem_allocator, allocate, 8, 8);
AT(struct xio_mem_allocator, memalign, 16, 8);
AT(struct xio_mem_allocator, free, 24, 8);
AT(struct xio_mem_allocator, malloc_huge_pages, 32, 8);
AT(struct xio_mem_allocator, free_huge_pages, 40, 8);
AT(struct xio_mem_allocator, numa_alloc, 48, 8);
AT(struct xio_mem_allocator, numa_free, 56, 8);

SIZE(struct xio_options_keepalive, 12);
AT(struct xio_options_keepalive, probes, 0, 4);
AT(struct xio_options_keepalive, time, 4, 4);
AT(struct xio_options_keepalive, intvl, 8, 4);

SIZE(struct xio_mempool_slab_config, 32);
AT(struct xio_mempool_slab_config, block_sz, 0, 8);
AT(struct xio_mempool_slab_config, init_blocks_nr, 8, 8);
AT(struct xio_mempool_slab_config, grow_blocks_nr, 16, 8);
AT(struct xio_mempool_slab_config, max_blocks_nr, 24, 8);

SIZE(struct xio_mempool_config, 200);
AT(struct xio_mempool_config, slabs_nr, 0, 8);
AT(struct xio_mempool_config, slab_cfg, 8, 192);

#endif

#define IS(name, value) _Static_assert((name) == (value), #name)

IS(XIO_VERSION, 0x0100);
IS(XIO_IOVLEN, 4);
IS(XIO_MAX_IOV, 256);
IS(XIO_MAX_SLABS_NR, 6);
IS(XIO_INFINITE, -1);
IS(XIO_BASE_STATUS, 0x4a5e3a54);
IS(XIO_REQUEST, 2);
IS(XIO_RESPONSE, 4);
IS(XIO_RDMA, 8);
IS(XIO_MESSAGE, 16);
IS(XIO_ONE_WAY, 32);

IS(XIO_E_SUCCESS, 0);
IS(XIO_E_NOT_SUPPORTED, 1247689300);
IS(XIO_E_NO_BUFS, 1247689301);
IS(XIO_E_CONNECT_ERROR, 1247689302);
IS(XIO_E_ROUTE_ERROR, 1247689303);
IS(XIO_E_ADDR_ERROR, 1247689304);
IS(XIO_E_UNREACHABLE, 1247689305);
IS(XIO_E_MSG_SIZE, 1247689306);
IS(XIO_E_PARTIAL_MSG, 1247689307);
IS(XIO_E_MSG_INVALID, 1247689308);
IS(XIO_E_MSG_UNKNOWN, 1247689309);
IS(XIO_E_SESSION_REFUSED, 1247689310);
IS(XIO_E_SESSION_ABORTED, 1247689311);
IS(XIO_E_SESSION_DISCONNECTED, 1247689312);
IS(XIO_E_SESSION_REJECTED, 1247689313);
IS(XIO_E_SESSION_REDIRECTED, 1247689314);
IS(XIO_E_SESSION_CLOSED, 1247689315);
IS(XIO_E_BIND_FAILED, 1247689316);
IS(XIO_E_TIMEOUT, 1247689317);
IS(XIO_E_IN_PORGRESS, 1247689318);
IS(XIO_E_INVALID_VERSION, 1247689319);
IS(XIO_E_NOT_SESSION, 1247689320);
IS(XIO_E_OPEN_FAILED, 1247689321);
IS(XIO_E_READ_FAILED, 1247689322);
IS(XIO_E_WRITE_FAILED, 1247689323);
IS(XIO_E_CLOSE_FAILED, 1247689324);
IS(XIO_E_UNSUCCESSFUL, 1247689325);
IS(XIO_E_MSG_CANCELED, 1247689326);
IS(XIO_E_MSG_CANCEL_FAILED, 1247689327);
IS(XIO_E_MSG_NOT_FOUND, 1247689328);
IS(XIO_E_MSG_FLUSHED, 1247689329);
IS(XIO_E_MSG_DISCARDED, 1247689330);
IS(XIO_E_STATE, 1247689331);
IS(XIO_E_NO_USER_BUFS, 1247689332);
IS(XIO_E_NO_USER_MR, 1247689333);
IS(XIO_E_USER_BUF_OVERFLOW, 1247689334);
IS(XIO_E_REM_USER_BUF_OVERFLOW, 1247689335);
IS(XIO_E_TX_QUEUE_OVERFLOW, 1247689336);
IS(XIO_E_USER_OBJ_NOT_FOUND, 1247689337);
IS(XIO_E_PEER_QUEUE_SIZE_MISMATCH, 1247689338);
IS(XIO_E_RSP_BUF_SIZE_MISMATCH, 1247689339);
IS(XIO_E_LAST_STATUS, 1247689340);

IS(XIO_MSG_TYPE_REQ, 0x12);
IS(XIO_MSG_TYPE_RSP, 0x14);
IS(XIO_MSG_TYPE_ONE_WAY, 0x22);
IS(XIO_MSG_TYPE_RDMA, 0x08);
IS(XIO_MSG_DIRECTION_OUT, 0);
IS(XIO_MSG_DIRECTION_IN, 1);
IS(XIO_MSG_FLAG_REQUEST_READ_RECEIPT, 1);
IS(XIO_MSG_FLAG_PEER_WRITE_RSP, 2);
IS(XIO_MSG_FLAG_PEER_READ_REQ, 4);
IS(XIO_MSG_FLAG_IMM_SEND_COMP, 8);
IS(XIO_MSG_FLAG_LAST_IN_BATCH, 16);
IS(XIO_MSG_HINT_ASSIGNED_DATA_IN_BUF, 1);
IS(XIO_READ_RECEIPT_ACCEPT, 0);
IS(XIO_READ_RECEIPT_REJECT, 1);
IS(XIO_SGL_TYPE_IOV, 0);
IS(XIO_SGL_TYPE_IOV_PTR, 1);
IS(XIO_SGL_TYPE_SCATTERLIST, 2);
IS(XIO_SGL_TYPE_LAST, 3);

IS(XIO_SESSION_CLIENT, 0);
IS(XIO_SESSION_SERVER, 1);
IS(XIO_PROTO_RDMA, 0);
IS(XIO_PROTO_TCP, 1);
IS(XIO_CONTEXT_ATTR_USER_CTX, 1);
IS(XIO_SESSION_ATTR_USER_CTX, 1);
IS(XIO_SESSION_ATTR_SES_OPS, 2);
IS(XIO_SESSION_ATTR_URI, 4);
IS(XIO_CONNECTION_ATTR_CTX, 1);
IS(XIO_CONNECTION_ATTR_USER_CTX, 2);
IS(XIO_CONNECTION_ATTR_PROTO, 4);
IS(XIO_CONNECTION_ATTR_PEER_ADDR, 8);
IS(XIO_CONNECTION_ATTR_LOCAL_ADDR, 16);
IS(XIO_CONNECTION_ATTR_DISCONNECT_TIMEOUT, 32);
IS(XIO_CONNECTION_FIONWRITE_BYTES, 0);
IS(XIO_CONNECTION_FIONWRITE_MSGS, 1);
IS(XIO_CONNECTION_LEADING_CONN, 2);

IS(XIO_SESSION_REJECT_EVENT, 0);
IS(XIO_SESSION_TEARDOWN_EVENT, 1);
IS(XIO_SESSION_NEW_CONNECTION_EVENT, 2);
IS(XIO_SESSION_CONNECTION_ESTABLISHED_EVENT, 3);
IS(XIO_SESSION_CONNECTION_TEARDOWN_EVENT, 4);
IS(XIO_SESSION_CONNECTION_CLOSED_EVENT, 5);
IS(XIO_SESSION_CONNECTION_DISCONNECTED_EVENT, 6);
IS(XIO_SESSION_CONNECTION_REFUSED_EVENT, 7);
IS(XIO_SESSION_CONNECTION_ERROR_EVENT, 8);
IS(XIO_SESSION_ERROR_EVENT, 9);
IS(XIO_SESSION_CONNECTION_RECONNECTING_EVENT, 10);
IS(XIO_SESSION_CONNECTION_RECONNECTED_EVENT, 11);

IS(XIO_POLLIN, 1);
IS(XIO_POLLOUT, 2);
IS(XIO_POLLET, 4);
IS(XIO_ONESHOT, 8);
IS(XIO_POLLRDHUP, 16);
IS(XIO_POLLHUP, 32);
IS(XIO_POLLERR, 64);

IS(XIO_MEMPOOL_FLAG_NONE, 0);
IS(XIO_MEMPOOL_FLAG_REG_MR, 1);
IS(XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC, 2);
IS(XIO_MEMPOOL_FLAG_NUMA_ALLOC, 4);
IS(XIO_MEMPOOL_FLAG_REGULAR_PAGES_ALLOC, 8);
IS(XIO_MEMPOOL_FLAG_USE_SMALLEST_SLAB, 0x16);

IS(XIO_LOG_LEVEL_FATAL, 0);
IS(XIO_LOG_LEVEL_ERROR, 1);
IS(XIO_LOG_LEVEL_WARN, 2);
IS(XIO_LOG_LEVEL_INFO, 3);
IS(XIO_LOG_LEVEL_DEBUG, 4);
IS(XIO_LOG_LEVEL_TRACE, 5);
IS(XIO_LOG_LEVEL_LAST, 6);

IS(XIO_OPTLEVEL_ACCELIO, 0);
IS(XIO_OPTLEVEL_RDMA, 1);
IS(XIO_OPTLEVEL_TCP, 2);
IS(XIO_OPTNAME_DISABLE_HUGETBL, 0);
IS(XIO_OPTNAME_LOG_FN, 1);
IS(XIO_OPTNAME_LOG_LEVEL, 2);
IS(XIO_OPTNAME_MEM_ALLOCATOR, 3);
IS(XIO_OPTNAME_ENABLE_KEEPALIVE, 4);
IS(XIO_OPTNAME_CONFIG_KEEPALIVE, 5);
IS(XIO_OPTNAME_MAX_IN_IOVLEN, 100);
IS(XIO_OPTNAME_MAX_OUT_IOVLEN, 101);
IS(XIO_OPTNAME_ENABLE_DMA_LATENCY, 102);
IS(XIO_OPTNAME_ENABLE_RECONNECT, 103);
IS(XIO_OPTNAME_ENABLE_FLOW_CONTROL, 104);
IS(XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, 105);
IS(XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, 106);
IS(XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, 107);
IS(XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES, 108);
IS(XIO_OPTNAME_CONFIG_MEMPOOL, 109);
IS(XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 110);
IS(XIO_OPTNAME_MAX_INLINE_XIO_DATA, 111);
IS(XIO_OPTNAME_XFER_BUF_ALIGN, 112);
IS(XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, 113);
IS(XIO_OPTNAME_ENABLE_MEM_POOL, 200);
IS(XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT, 201);
IS(XIO_OPTNAME_RDMA_NUM_DEVICES, 300);
IS(XIO_OPTNAME_ENABLE_FORK_INIT, 301);
IS(XIO_OPTNAME_QP_CAP_MAX_INLINE_DATA, 302);
IS(XIO_OPTNAME_TCP_ENABLE_MR_CHECK, 400);
IS(XIO_OPTNAME_TCP_NO_DELAY, 401);
IS(XIO_OPTNAME_TCP_SO_SNDBUF, 402);
IS(XIO_OPTNAME_TCP_SO_RCVBUF, 403);
IS(XIO_OPTNAME_TCP_DUAL_STREAM, 404);

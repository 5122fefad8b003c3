/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxio.h - the public C interface of Accelio, as declared by the embedded
 * engine of accelio-go.
 *
 * Source and binary compatible with libxio 1.7 on x86-64 and arm64 Linux:
 * programs written for that library compile against this header and link
 * with either library. A test compares all of it with ctest/testdata/abi.tsv.
 */
#ifndef LIBXIO_H
#define LIBXIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ */
/* Constants                                                          */
/* ------------------------------------------------------------------ */

#define XIO_VERSION		0x0100	/* protocol version on the wire */
#define XIO_IOVLEN		4	/* entries inside an xio_msg itself */
#define XIO_MAX_IOV		256	/* most entries of any message */
#define XIO_MAX_SLABS_NR	6	/* size classes of a memory pool */
#define XIO_INFINITE		-1	/* "no time limit" for the loop calls */

#define XIO_REQUEST		(1 << 1)
#define XIO_RESPONSE		(1 << 2)
#define XIO_RDMA		(1 << 3)
#define XIO_MESSAGE		(1 << 4)
#define XIO_ONE_WAY		(1 << 5)

/* Status codes start here, far away from any errno value. */
#define XIO_BASE_STATUS		1247689300

enum xio_status {
	XIO_E_SUCCESS			= 0,
	XIO_E_NOT_SUPPORTED		= XIO_BASE_STATUS,
	XIO_E_NO_BUFS			= XIO_BASE_STATUS + 1,
	XIO_E_CONNECT_ERROR		= XIO_BASE_STATUS + 2,
	XIO_E_ROUTE_ERROR		= XIO_BASE_STATUS + 3,
	XIO_E_ADDR_ERROR		= XIO_BASE_STATUS + 4,
	XIO_E_UNREACHABLE		= XIO_BASE_STATUS + 5,
	XIO_E_MSG_SIZE			= XIO_BASE_STATUS + 6,
	XIO_E_PARTIAL_MSG		= XIO_BASE_STATUS + 7,
	XIO_E_MSG_INVALID		= XIO_BASE_STATUS + 8,
	XIO_E_MSG_UNKNOWN		= XIO_BASE_STATUS + 9,
	XIO_E_SESSION_REFUSED		= XIO_BASE_STATUS + 10,
	XIO_E_SESSION_ABORTED		= XIO_BASE_STATUS + 11,
	XIO_E_SESSION_DISCONNECTED	= XIO_BASE_STATUS + 12,
	XIO_E_SESSION_REJECTED		= XIO_BASE_STATUS + 13,
	XIO_E_SESSION_REDIRECTED	= XIO_BASE_STATUS + 14,
	XIO_E_SESSION_CLOSED		= XIO_BASE_STATUS + 15,
	XIO_E_BIND_FAILED		= XIO_BASE_STATUS + 16,
	XIO_E_TIMEOUT			= XIO_BASE_STATUS + 17,
	XIO_E_IN_PORGRESS		= XIO_BASE_STATUS + 18, /* sic */
	XIO_E_INVALID_VERSION		= XIO_BASE_STATUS + 19,
	XIO_E_NOT_SESSION		= XIO_BASE_STATUS + 20,
	XIO_E_OPEN_FAILED		= XIO_BASE_STATUS + 21,
	XIO_E_READ_FAILED		= XIO_BASE_STATUS + 22,
	XIO_E_WRITE_FAILED		= XIO_BASE_STATUS + 23,
	XIO_E_CLOSE_FAILED		= XIO_BASE_STATUS + 24,
	XIO_E_UNSUCCESSFUL		= XIO_BASE_STATUS + 25,
	XIO_E_MSG_CANCELED		= XIO_BASE_STATUS + 26,
	XIO_E_MSG_CANCEL_FAILED		= XIO_BASE_STATUS + 27,
	XIO_E_MSG_NOT_FOUND		= XIO_BASE_STATUS + 28,
	XIO_E_MSG_FLUSHED		= XIO_BASE_STATUS + 29,
	XIO_E_MSG_DISCARDED		= XIO_BASE_STATUS + 30,
	XIO_E_STATE			= XIO_BASE_STATUS + 31,
	XIO_E_NO_USER_BUFS		= XIO_BASE_STATUS + 32,
	XIO_E_NO_USER_MR		= XIO_BASE_STATUS + 33,
	XIO_E_USER_BUF_OVERFLOW		= XIO_BASE_STATUS + 34,
	XIO_E_REM_USER_BUF_OVERFLOW	= XIO_BASE_STATUS + 35,
	XIO_E_TX_QUEUE_OVERFLOW		= XIO_BASE_STATUS + 36,
	XIO_E_USER_OBJ_NOT_FOUND	= XIO_BASE_STATUS + 37,
	XIO_E_PEER_QUEUE_SIZE_MISMATCH	= XIO_BASE_STATUS + 38,
	XIO_E_RSP_BUF_SIZE_MISMATCH	= XIO_BASE_STATUS + 39,
	XIO_E_LAST_STATUS		= XIO_BASE_STATUS + 40
};

/* ------------------------------------------------------------------ */
/* Handles                                                            */
/* ------------------------------------------------------------------ */

struct xio_context;
struct xio_server;
struct xio_session;
struct xio_connection;
struct xio_mr;
struct xio_mempool;
struct xio_managed_rkey;

/* ------------------------------------------------------------------ */
/* Messages                                                           */
/* ------------------------------------------------------------------ */

enum xio_msg_type {
	XIO_MSG_TYPE_REQ		= XIO_MESSAGE | XIO_REQUEST,
	XIO_MSG_TYPE_RSP		= XIO_MESSAGE | XIO_RESPONSE,
	XIO_MSG_TYPE_ONE_WAY		= XIO_ONE_WAY | XIO_REQUEST,
	XIO_MSG_TYPE_RDMA		= XIO_RDMA
};

enum xio_msg_direction {
	XIO_MSG_DIRECTION_OUT,
	XIO_MSG_DIRECTION_IN
};

/* Bits from 1 << 10 up belong to the library. */
enum xio_msg_flags {
	XIO_MSG_FLAG_REQUEST_READ_RECEIPT	= 1 << 0,
	XIO_MSG_FLAG_PEER_WRITE_RSP		= 1 << 1,
	XIO_MSG_FLAG_PEER_READ_REQ		= 1 << 2,
	XIO_MSG_FLAG_IMM_SEND_COMP		= 1 << 3,
	XIO_MSG_FLAG_LAST_IN_BATCH		= 1 << 4
};

enum xio_msg_hints {
	XIO_MSG_HINT_ASSIGNED_DATA_IN_BUF	= 1 << 0
};

enum xio_receipt_result {
	XIO_READ_RECEIPT_ACCEPT,
	XIO_READ_RECEIPT_REJECT
};

enum xio_sgl_type {
	XIO_SGL_TYPE_IOV		= 0,	/* entries inside the message */
	XIO_SGL_TYPE_IOV_PTR		= 1,	/* entries of the caller */
	XIO_SGL_TYPE_SCATTERLIST	= 2,	/* kernel only */
	XIO_SGL_TYPE_LAST
};

struct xio_iovec {
	void			*iov_base;
	size_t			iov_len;
};

struct xio_iovec_ex {
	void			*iov_base;
	size_t			iov_len;
	struct xio_mr		*mr;		/* NULL over TCP */
	void			*user_context;
};

struct xio_msg_pdata {
	struct xio_msg		*next;		/* the library's */
	struct xio_msg		**prev;
};

struct xio_sg_table {
	uint32_t		nents;
	uint32_t		max_nents;
	void			*sglist;
};

struct xio_sg_iov {
	uint32_t		nents;
	uint32_t		max_nents;
	struct xio_iovec_ex	sglist[XIO_IOVLEN];
};

struct xio_sg_iovptr {
	uint32_t		nents;
	uint32_t		max_nents;
	struct xio_iovec_ex	*sglist;
};

/* One direction of a message: an application header and data segments. */
struct xio_vmsg {
	struct xio_iovec	header;
	enum xio_sgl_type	sgl_type;
	int			pad;
	union {
		struct xio_sg_table	data_tbl;
		struct xio_sg_iov	data_iov;
		struct xio_sg_iovptr	pdata_iov;
	};
};

struct xio_sge {
	uint64_t		addr;
	uint32_t		length;
	uint32_t		stag;
};

struct xio_rdma_msg {
	size_t			length;
	size_t			nents;
	struct xio_sge		*rsg_list;
	int			is_read;
	int			pad;
};

struct xio_msg {
	union {
		uint64_t	sn;		/* serial number, set by send */
		struct xio_msg	*request;	/* of a response: its request */
	};
	struct xio_vmsg		in;
	struct xio_vmsg		out;
	struct xio_rdma_msg	rdma;
	void			*user_context;	/* stays on this side */
	enum xio_msg_type	type;
	enum xio_receipt_result	receipt_res;
	uint64_t		flags;		/* enum xio_msg_flags */
	uint64_t		timestamp;
	uint64_t		hints;		/* enum xio_msg_hints */
	struct xio_msg_pdata	pdata;		/* the library's */
	struct xio_msg		*next;		/* chain for send and release */
};

#define vmsg_sglist(vmsg)						\
	((vmsg)->sgl_type == XIO_SGL_TYPE_IOV ? (vmsg)->data_iov.sglist :\
	 (vmsg)->sgl_type == XIO_SGL_TYPE_IOV_PTR ?			\
		(vmsg)->pdata_iov.sglist : NULL)

#define vmsg_sglist_nents(vmsg)		((vmsg)->data_tbl.nents)

#define vmsg_sglist_set_nents(vmsg, n)	((vmsg)->data_tbl.nents = (n))

static inline void *vmsg_sglist_one_base(const struct xio_vmsg *vmsg)
{
	return vmsg_sglist(vmsg)[0].iov_base;
}

static inline size_t vmsg_sglist_one_len(const struct xio_vmsg *vmsg)
{
	return vmsg_sglist(vmsg)[0].iov_len;
}

static inline void vmsg_sglist_set_user_context(struct xio_vmsg *vmsg,
						void *user_context)
{
	vmsg_sglist(vmsg)[0].user_context = user_context;
}

static inline void *vmsg_sglist_get_user_context(struct xio_vmsg *vmsg)
{
	return vmsg_sglist(vmsg)[0].user_context;
}

static inline int xio_init_vmsg(struct xio_vmsg *vmsg, unsigned int nents)
{
	(void)nents;
	vmsg->sgl_type = XIO_SGL_TYPE_IOV;
	return 0;
}

static inline void xio_fini_vmsg(struct xio_vmsg *vmsg)
{
	(void)vmsg;
}

static inline void xio_reinit_msg(struct xio_msg *msg)
{
	memset(msg, 0, sizeof(*msg));
}

/* ------------------------------------------------------------------ */
/* Library                                                            */
/* ------------------------------------------------------------------ */

enum xio_log_level {
	XIO_LOG_LEVEL_FATAL,
	XIO_LOG_LEVEL_ERROR,
	XIO_LOG_LEVEL_WARN,
	XIO_LOG_LEVEL_INFO,
	XIO_LOG_LEVEL_DEBUG,
	XIO_LOG_LEVEL_TRACE,
	XIO_LOG_LEVEL_LAST
};

enum xio_optlevel {
	XIO_OPTLEVEL_ACCELIO,
	XIO_OPTLEVEL_RDMA,
	XIO_OPTLEVEL_TCP
};

enum xio_optname {
	/* level ACCELIO */
	XIO_OPTNAME_DISABLE_HUGETBL		= 0,
	XIO_OPTNAME_LOG_FN			= 1,
	XIO_OPTNAME_LOG_LEVEL			= 2,
	XIO_OPTNAME_MEM_ALLOCATOR		= 3,
	XIO_OPTNAME_ENABLE_KEEPALIVE		= 4,
	XIO_OPTNAME_CONFIG_KEEPALIVE		= 5,
	/* levels ACCELIO, RDMA and TCP */
	XIO_OPTNAME_MAX_IN_IOVLEN		= 100,
	XIO_OPTNAME_MAX_OUT_IOVLEN		= 101,
	XIO_OPTNAME_ENABLE_DMA_LATENCY		= 102,
	XIO_OPTNAME_ENABLE_RECONNECT		= 103,
	XIO_OPTNAME_ENABLE_FLOW_CONTROL		= 104,
	XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS	= 105,
	XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS	= 106,
	XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES	= 107,
	XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES	= 108,
	XIO_OPTNAME_CONFIG_MEMPOOL		= 109,
	XIO_OPTNAME_MAX_INLINE_XIO_HEADER	= 110,
	XIO_OPTNAME_MAX_INLINE_XIO_DATA		= 111,
	XIO_OPTNAME_XFER_BUF_ALIGN		= 112,
	XIO_OPTNAME_INLINE_XIO_DATA_ALIGN	= 113,
	/* levels RDMA and TCP */
	XIO_OPTNAME_ENABLE_MEM_POOL		= 200,
	XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT	= 201,
	/* level RDMA */
	XIO_OPTNAME_RDMA_NUM_DEVICES		= 300,
	XIO_OPTNAME_ENABLE_FORK_INIT		= 301,
	XIO_OPTNAME_QP_CAP_MAX_INLINE_DATA	= 302,
	/* level TCP */
	XIO_OPTNAME_TCP_ENABLE_MR_CHECK		= 400,
	XIO_OPTNAME_TCP_NO_DELAY		= 401,
	XIO_OPTNAME_TCP_SO_SNDBUF		= 402,
	XIO_OPTNAME_TCP_SO_RCVBUF		= 403,
	XIO_OPTNAME_TCP_DUAL_STREAM		= 404
};

typedef void (*xio_log_fn)(const char *file, unsigned line,
			   const char *function, unsigned level,
			   const char *fmt, ...);

struct xio_mem_allocator {
	void	*user_context;
	void	*(*allocate)(size_t size, void *user_context);
	void	*(*memalign)(size_t boundary, size_t size, void *user_context);
	void	(*free)(void *ptr, void *user_context);
	void	*(*malloc_huge_pages)(size_t size, void *user_context);
	void	(*free_huge_pages)(void *ptr, void *user_context);
	void	*(*numa_alloc)(size_t size, int node, void *user_context);
	void	(*numa_free)(void *ptr, void *user_context);
};

struct xio_options_keepalive {
	int	probes;		/* unanswered probes before giving up */
	int	time;		/* seconds before a probe */
	int	intvl;		/* seconds given to each probe */
};

struct xio_mempool_config {
	size_t	slabs_nr;
	struct xio_mempool_slab_config {
		size_t	block_sz;
		size_t	init_blocks_nr;
		size_t	grow_blocks_nr;
		size_t	max_blocks_nr;
	} slab_cfg[XIO_MAX_SLABS_NR];
};

void xio_init(void);
void xio_shutdown(void);
const char *xio_version(void);
int xio_errno(void);
const char *xio_strerror(int errnum);
int xio_set_opt(void *xio_obj, int level, int optname,
		const void *optval, int optlen);
int xio_get_opt(void *xio_obj, int level, int optname,
		void *optval, int *optlen);

/* ------------------------------------------------------------------ */
/* Context and event loop                                             */
/* ------------------------------------------------------------------ */

enum xio_context_attr_mask {
	XIO_CONTEXT_ATTR_USER_CTX	= 1 << 0
};

struct xio_context_attr {
	void	*user_context;
};

struct xio_context_params {
	void	*user_context;
	int	prealloc_xio_inline_bufs;
	int	max_conns_per_ctx;
	int	register_internal_mempool;
	int	rq_depth;
};

enum xio_ev_loop_events {
	XIO_POLLIN	= 1 << 0,
	XIO_POLLOUT	= 1 << 1,
	XIO_POLLET	= 1 << 2,
	XIO_ONESHOT	= 1 << 3,
	XIO_POLLRDHUP	= 1 << 4,
	XIO_POLLHUP	= 1 << 5,
	XIO_POLLERR	= 1 << 6
};

typedef void (*xio_ev_handler_t)(int fd, int events, void *data);

struct xio_context *xio_context_create(struct xio_context_params *ctx_params,
				       int polling_timeout_us, int cpu_hint);
void xio_context_destroy(struct xio_context *ctx);
int xio_modify_context(struct xio_context *ctx, struct xio_context_attr *attr,
		       int attr_mask);
int xio_query_context(struct xio_context *ctx, struct xio_context_attr *attr,
		      int attr_mask);
int xio_context_get_poll_fd(struct xio_context *ctx);
int xio_context_add_ev_handler(struct xio_context *ctx, int fd, int events,
			       xio_ev_handler_t handler, void *data);
int xio_context_modify_ev_handler(struct xio_context *ctx, int fd, int events);
int xio_context_del_ev_handler(struct xio_context *ctx, int fd);
int xio_context_run_loop(struct xio_context *ctx, int timeout_ms);
void xio_context_stop_loop(struct xio_context *ctx);
int xio_context_poll_wait(struct xio_context *ctx, int timeout_ms);
int xio_context_poll_completions(struct xio_context *ctx, int timeout_us);

/* ------------------------------------------------------------------ */
/* Sessions                                                           */
/* ------------------------------------------------------------------ */

enum xio_session_type {
	XIO_SESSION_CLIENT,
	XIO_SESSION_SERVER
};

enum xio_proto {
	XIO_PROTO_RDMA,
	XIO_PROTO_TCP
};

enum xio_session_event {
	XIO_SESSION_REJECT_EVENT,
	XIO_SESSION_TEARDOWN_EVENT,
	XIO_SESSION_NEW_CONNECTION_EVENT,
	XIO_SESSION_CONNECTION_ESTABLISHED_EVENT,
	XIO_SESSION_CONNECTION_TEARDOWN_EVENT,
	XIO_SESSION_CONNECTION_CLOSED_EVENT,
	XIO_SESSION_CONNECTION_DISCONNECTED_EVENT,
	XIO_SESSION_CONNECTION_REFUSED_EVENT,
	XIO_SESSION_CONNECTION_ERROR_EVENT,
	XIO_SESSION_ERROR_EVENT,
	XIO_SESSION_CONNECTION_RECONNECTING_EVENT,
	XIO_SESSION_CONNECTION_RECONNECTED_EVENT
};

enum xio_session_attr_mask {
	XIO_SESSION_ATTR_USER_CTX	= 1 << 0,
	XIO_SESSION_ATTR_SES_OPS	= 1 << 1,
	XIO_SESSION_ATTR_URI		= 1 << 2
};

struct xio_session_params {
	enum xio_session_type	type;
	uint32_t		initial_sn;
	struct xio_session_ops	*ses_ops;
	void			*user_context;
	void			*private_data;
	size_t			private_data_len;
	const char		*uri;
};

struct xio_session_attr {
	struct xio_session_ops	*ses_ops;
	void			*user_context;
	char			*uri;
};

struct xio_session_event_data {
	struct xio_connection	*conn;
	void			*conn_user_context;
	enum xio_session_event	event;
	enum xio_status		reason;		/* or an errno value */
	void			*private_data;
	size_t			private_data_len;
};

struct xio_new_session_req {
	char			*uri;		/* uri_len bytes, no end mark */
	void			*private_data;
	uint16_t		uri_len;
	uint16_t		private_data_len;
	enum xio_proto		proto;
	struct sockaddr_storage	src_addr;
};

struct xio_new_session_rsp {
	void			*private_data;
	uint16_t		private_data_len;
	uint16_t		reserved[3];
};

/* What the library calls; on_msg must be there, others may be NULL. */
struct xio_session_ops {
	int (*on_session_event)(struct xio_session *session,
				struct xio_session_event_data *data,
				void *cb_user_context);
	int (*on_new_session)(struct xio_session *session,
			      struct xio_new_session_req *req,
			      void *cb_user_context);
	int (*on_session_established)(struct xio_session *session,
				      struct xio_new_session_rsp *rsp,
				      void *cb_user_context);
	int (*on_msg_send_complete)(struct xio_session *session,
				    struct xio_msg *rsp,
				    void *conn_user_context);
	int (*on_msg)(struct xio_session *session, struct xio_msg *msg,
		      int last_in_rxq, void *conn_user_context);
	int (*on_msg_delivered)(struct xio_session *session,
				struct xio_msg *msg, int last_in_rxq,
				void *conn_user_context);
	int (*on_msg_error)(struct xio_session *session,
			    enum xio_status error,
			    enum xio_msg_direction direction,
			    struct xio_msg *msg, void *conn_user_context);
	int (*on_cancel)(struct xio_session *session, struct xio_msg *msg,
			 enum xio_status result, void *conn_user_context);
	int (*on_cancel_request)(struct xio_session *session,
				 struct xio_msg *msg,
				 void *conn_user_context);
	int (*assign_data_in_buf)(struct xio_msg *msg,
				  void *conn_user_context);
	int (*on_ow_msg_send_complete)(struct xio_session *session,
				       struct xio_msg *msg,
				       void *conn_user_context);
	int (*on_rdma_direct_complete)(struct xio_session *session,
				       struct xio_msg *msg,
				       void *conn_user_context);
};

struct xio_session *xio_session_create(struct xio_session_params *params);
int xio_session_destroy(struct xio_session *session);
int xio_query_session(struct xio_session *session,
		      struct xio_session_attr *attr, int attr_mask);
int xio_modify_session(struct xio_session *session,
		       struct xio_session_attr *attr, int attr_mask);
const char *xio_session_event_str(enum xio_session_event event);

/* ------------------------------------------------------------------ */
/* Connections                                                        */
/* ------------------------------------------------------------------ */

enum xio_connection_attr_mask {
	XIO_CONNECTION_ATTR_CTX			= 1 << 0,
	XIO_CONNECTION_ATTR_USER_CTX		= 1 << 1,
	XIO_CONNECTION_ATTR_PROTO		= 1 << 2,
	XIO_CONNECTION_ATTR_PEER_ADDR		= 1 << 3,
	XIO_CONNECTION_ATTR_LOCAL_ADDR		= 1 << 4,
	XIO_CONNECTION_ATTR_DISCONNECT_TIMEOUT	= 1 << 5
};

struct xio_connection_attr {
	void			*user_context;
	struct xio_context	*ctx;
	uint8_t			tos;
	uint8_t			pad;
	uint16_t		disconnect_timeout_secs;
	enum xio_proto		proto;
	struct sockaddr_storage	peer_addr;
	struct sockaddr_storage	local_addr;
};

struct xio_connection_params {
	struct xio_session	*session;
	struct xio_context	*ctx;
	uint32_t		conn_idx;
	uint8_t			enable_tos;
	uint8_t			tos;
	uint16_t		disconnect_timeout_secs;
	const char		*out_addr;
	void			*conn_user_context;
};

enum xio_connection_optname {
	XIO_CONNECTION_FIONWRITE_BYTES,		/* uint64_t */
	XIO_CONNECTION_FIONWRITE_MSGS,		/* int */
	XIO_CONNECTION_LEADING_CONN		/* int */
};

struct xio_connection *xio_connect(struct xio_connection_params *cparams);
int xio_disconnect(struct xio_connection *conn);
int xio_connection_destroy(struct xio_connection *conn);
int xio_modify_connection(struct xio_connection *conn,
			  struct xio_connection_attr *attr, int attr_mask);
int xio_query_connection(struct xio_connection *conn,
			 struct xio_connection_attr *attr, int attr_mask);
int xio_connection_ioctl(struct xio_connection *connection, int con_optname,
			 void *optval, int *optlen);

/* ------------------------------------------------------------------ */
/* Servers                                                            */
/* ------------------------------------------------------------------ */

struct xio_server *xio_bind(struct xio_context *ctx,
			    struct xio_session_ops *ops, const char *uri,
			    uint16_t *src_port, uint32_t flags,
			    void *cb_user_context);
int xio_unbind(struct xio_server *server);
int xio_accept(struct xio_session *session, const char **portals_array,
	       size_t portals_array_len, void *private_data,
	       size_t private_data_len);
int xio_redirect(struct xio_session *session, const char **portals_array,
		 size_t portals_array_len);
int xio_reject(struct xio_session *session, enum xio_status reason,
	       void *private_data, size_t private_data_len);

/* ------------------------------------------------------------------ */
/* Sending and releasing                                              */
/* ------------------------------------------------------------------ */

int xio_send_request(struct xio_connection *conn, struct xio_msg *req);
int xio_send_response(struct xio_msg *rsp);
int xio_send_msg(struct xio_connection *conn, struct xio_msg *msg);
int xio_send_rdma(struct xio_connection *conn, struct xio_msg *msg);
int xio_release_response(struct xio_msg *rsp);
int xio_release_msg(struct xio_msg *msg);
int xio_cancel_request(struct xio_connection *conn, struct xio_msg *req);
int xio_cancel(struct xio_msg *req, enum xio_status result);

/* ------------------------------------------------------------------ */
/* Registered memory                                                  */
/* ------------------------------------------------------------------ */

struct xio_reg_mem {
	void		*addr;
	size_t		length;
	struct xio_mr	*mr;
	void		*priv;
};

enum xio_mempool_flag {
	XIO_MEMPOOL_FLAG_NONE			= 0x0000,
	XIO_MEMPOOL_FLAG_REG_MR			= 0x0001,
	XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC	= 0x0002,
	XIO_MEMPOOL_FLAG_NUMA_ALLOC		= 0x0004,
	XIO_MEMPOOL_FLAG_REGULAR_PAGES_ALLOC	= 0x0008,
	XIO_MEMPOOL_FLAG_USE_SMALLEST_SLAB	= 0x0016
};

static inline void vmsg_sglist_set_by_reg_mem(struct xio_vmsg *vmsg,
					      const struct xio_reg_mem *reg_mem)
{
	struct xio_iovec_ex *sgl = vmsg_sglist(vmsg);

	vmsg_sglist_set_nents(vmsg, 1);
	sgl[0].iov_base = reg_mem->addr;
	sgl[0].iov_len = reg_mem->length;
	sgl[0].mr = reg_mem->mr;
}

int xio_mem_register(void *addr, size_t length, struct xio_reg_mem *reg_mem);
int xio_mem_dereg(struct xio_reg_mem *reg_mem);
int xio_mem_alloc(size_t length, struct xio_reg_mem *reg_mem);
int xio_mem_free(struct xio_reg_mem *reg_mem);

struct xio_mempool *xio_mempool_create(int nodeid, uint32_t flags);
int xio_mempool_add_slab(struct xio_mempool *mpool, size_t size, size_t min,
			 size_t max, size_t alloc_quantum_nr, int alignment);
void xio_mempool_destroy(struct xio_mempool *mpool);
int xio_mempool_alloc(struct xio_mempool *mpool, size_t length,
		      struct xio_reg_mem *reg_mem);
void xio_mempool_free(struct xio_reg_mem *reg_mem);

/* ------------------------------------------------------------------ */
/* Remote keys (RDMA)                                                 */
/* ------------------------------------------------------------------ */

uint32_t xio_lookup_rkey_by_request(const struct xio_reg_mem *reg_mem,
				    const struct xio_msg *req);
uint32_t xio_lookup_rkey_by_response(const struct xio_reg_mem *reg_mem,
				     const struct xio_msg *rsp);
uint32_t xio_managed_rkey_unwrap(const struct xio_managed_rkey *managed_rkey);
struct xio_managed_rkey *xio_register_remote_rkey(
	struct xio_connection *connection, uint32_t raw_rkey);
void xio_unregister_remote_key(struct xio_managed_rkey *managed_rkey);

#ifdef __cplusplus
}
#endif

#endif /* LIBXIO_H */

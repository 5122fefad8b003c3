/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rkey.c - the calls about remote keys. TCP has no remote memory access, so
 * a managed key only remembers the number it was made from, and there is no
 * key to look up. Any thread; a key belongs to its caller until it is
 * unregistered and may outlive the connection.
 */
#include <errno.h>

#include "base.h"

struct xio_managed_rkey {
	uint32_t raw;
};

struct xio_managed_rkey *xio_register_remote_rkey(
	struct xio_connection *connection, uint32_t raw_rkey)
{
	struct xio_managed_rkey *key;

	if (!connection) {
		xe_set_errno(EINVAL);
		return NULL;
	}
	key = xe_malloc(sizeof(*key));
	if (key)
		key->raw = raw_rkey;
	return key;
}

uint32_t xio_managed_rkey_unwrap(const struct xio_managed_rkey *managed_rkey)
{
	return managed_rkey ? managed_rkey->raw : 0;
}

void xio_unregister_remote_key(struct xio_managed_rkey *managed_rkey)
{
	xe_free(managed_rkey);
}

uint32_t xio_lookup_rkey_by_request(const struct xio_reg_mem *reg_mem,
				    const struct xio_msg *req)
{
	(void)reg_mem;
	(void)req;
	xe_set_errno(XIO_E_NOT_SUPPORTED);
	return 0;
}

uint32_t xio_lookup_rkey_by_response(const struct xio_reg_mem *reg_mem,
				     const struct xio_msg *rsp)
{
	(void)reg_mem;
	(void)rsp;
	xe_set_errno(XIO_E_NOT_SUPPORTED);
	return 0;
}

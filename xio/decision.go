package xio

import "errors"

// rejection is a decision that carries data.
type rejection struct {
	code Code
	data []byte
}

func (r *rejection) Error() string { return "xio: rejected: " + r.code.Error() }
func (r *rejection) Unwrap() error { return r.code }

// Reject makes an error for ListenConfig.Accept to return: the session is
// turned away for that reason and with that data, up to 3800 bytes. A client on
// the embedded engine finds both in its [Error], as Err and PeerData; one on
// libxio learns that it was rejected and no more.
//
// Implements:
//
//	int xio_reject(struct xio_session *, enum xio_status reason, void *data, size_t len)
func Reject(reason Code, data []byte) error { return &rejection{reason, data} }

// redirection is a decision that sends the client elsewhere.
type redirection struct{ uris []string }

func (r *redirection) Error() string { return "xio: redirected" }

// Redirect makes an error for ListenConfig.Accept to return: the client is sent
// to the first of these servers, "tcp://host:port", that it can reach; one on
// libxio tries the first only. Hosts must be addresses that the client
// understands. At most 64 of them.
//
// Implements:
//
//	int xio_redirect(struct xio_session *, const char **portals, size_t n)
func Redirect(uris ...string) error { return &redirection{uris} }

const maxTargets = 64

// check says what makes a redirection impossible, or nil.
func (r *redirection) check() error {
	if len(r.uris) == 0 || len(r.uris) > maxTargets {
		return errors.New("a redirection needs 1 to 64 targets")
	}
	n := 0
	for _, s := range r.uris {
		u, why := parseURI(s)
		if why == "" && u.port == 0 {
			why = "port 0"
		}
		if why != "" {
			return &Error{Op: "redirect", URI: s, Code: ErrAddr, Text: why}
		}
		n += len(s) + 2
	}
	if n > maxSetup {
		return &Error{Op: "redirect", Code: ErrMsgSize, Text: "targets too long"}
	}
	return nil
}

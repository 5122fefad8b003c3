// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

const (
	keyTypeAES  = 1
	secretSize  = aes.BlockSize
	startValue  = "cephsageyudagreg"
	sealVersion = 1
	sealMagic   = 0xff009cad8826aa55
)

// CryptoKey is a secret of 16 bytes with the time it was made. The zero value is no
// key, see [CryptoKey.Valid]. Keys are values, may be compared, and print without
// their secret.
//
// Implements:
//
//	class CryptoKey
type CryptoKey struct {
	Created time.Time
	secret  [secretSize]byte
	valid   bool
}

// NewKey makes a random key, created at the given time, from random; nil means the
// system's. It fails only if random does.
func NewKey(random io.Reader, created time.Time) (CryptoKey, error) {
	if random == nil {
		random = rand.Reader
	}
	// The wire has the time without a zone.
	k := CryptoKey{Created: created.Round(0).UTC(), valid: true}
	if _, err := io.ReadFull(random, k.secret[:]); err != nil {
		return CryptoKey{}, &Error{Op: "key", Reason: ErrKey, Err: err}
	}
	return k, nil
}

// ParseKey reads a key as a keyring has it, in base64. Its error matches [ErrKey].
func ParseKey(s string) (CryptoKey, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return CryptoKey{}, &Error{Op: "key", Reason: ErrKey, Err: err}
	}
	d := messenger.NewDecoder(b)
	k := decodeKey(d)
	if err := end("key", d); err != nil {
		return CryptoKey{}, &Error{Op: "key", Reason: ErrKey, Err: err}
	}
	return k, nil
}

// Valid says that this is a key and not the zero value.
func (k CryptoKey) Valid() bool { return k.valid }

// String tells when the key was made, not what it is.
func (k CryptoKey) String() string {
	if !k.valid {
		return "no key"
	}
	return "key of " + k.Created.Format(time.RFC3339)
}

// GoString is String, so that no verb of fmt prints the secret.
func (k CryptoKey) GoString() string { return k.String() }

// Text gives the key as a keyring has it, secret and all.
func (k CryptoKey) Text() string {
	var e messenger.Encoder
	k.encode(&e)
	return base64.StdEncoding.EncodeToString(e.Bytes())
}

func (k CryptoKey) encode(e *messenger.Encoder) {
	e.Uint16(keyTypeAES)
	e.Time(k.Created)
	e.Uint16(secretSize)
	e.Raw(k.secret[:])
}

func decodeKey(d *messenger.Decoder) CryptoKey {
	typ := d.Uint16()
	k := CryptoKey{Created: d.Time().UTC(), valid: true}
	secret := d.Raw(int(d.Uint16()))
	if d.Err() != nil {
		return CryptoKey{}
	}
	if typ != keyTypeAES || len(secret) != secretSize {
		d.Fail(messenger.ErrValue, fmt.Sprintf("key of type %d with %d bytes", typ, len(secret)))
		return CryptoKey{}
	}
	copy(k.secret[:], secret)
	return k
}

// encrypt fills the last block, or adds one, with its own length and encrypts.
func (k CryptoKey) encrypt(plain []byte) []byte {
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	out := make([]byte, len(plain)+pad)
	copy(out, plain)
	for i := len(plain); i < len(out); i++ {
		out[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(k.block(), []byte(startValue)).CryptBlocks(out, out)
	return out
}

func (k CryptoKey) decrypt(b []byte) ([]byte, error) {
	if len(b) == 0 || len(b)%aes.BlockSize != 0 {
		return nil, ErrDecrypt
	}
	out := make([]byte, len(b))
	cipher.NewCBCDecrypter(k.block(), []byte(startValue)).CryptBlocks(out, b)
	pad := int(out[len(out)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, ErrDecrypt
	}
	for _, p := range out[len(out)-pad:] {
		if int(p) != pad {
			return nil, ErrDecrypt
		}
	}
	return out[:len(out)-pad], nil
}

func (k CryptoKey) block() cipher.Block {
	c, err := aes.NewCipher(k.secret[:])
	if err != nil {
		panic(err) // the size is right
	}
	return c
}

// seal encrypts what object encodes in its envelope: a version and a magic number, by which the
// reader knows that the key was right.
func (k CryptoKey) seal(object func(*messenger.Encoder)) []byte {
	var e messenger.Encoder
	e.Uint8(sealVersion)
	e.Uint64(sealMagic)
	object(&e)
	return k.encrypt(e.Bytes())
}

// open is the reverse of seal; the error tells the operation op.
func (k CryptoKey) open(op string, b []byte) (*messenger.Decoder, error) {
	if !k.valid {
		return nil, fail(op, ErrNoKey)
	}
	plain, err := k.decrypt(b)
	if err != nil {
		return nil, fail(op, err)
	}
	d := messenger.NewDecoder(plain)
	if v, magic := d.Uint8(), d.Uint64(); v != sealVersion || magic != sealMagic {
		return nil, fail(op, ErrDecrypt)
	}
	return d, nil
}

// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"bytes"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// SharedSecret is the secret ID of a ticket that its holder made itself, with a secret
// it shares with the service, as monitors do among each other.
const SharedSecret = ^uint64(0)

const (
	ticketInfoVersion = 1
	authTicketVersion = 2
	authCapsVersion   = 1
	ticketBlobVersion = 1
)

// Ticket lets its holder prove to a service who it is. A Ticket is not changed after
// it was made; it may be shared.
type Ticket struct {
	Service    messenger.EntityType // type of the service, such as [messenger.EntityOSD]
	SessionKey CryptoKey            // of holder and service
	Expires    time.Time            // by the holder's clock; zero: never
	RenewAfter time.Time            // when to ask for the next; zero: never

	secretID uint64
	blob     []byte // for the service's eyes
}

// encodeBlob appends the part that the service gets; nil is an empty one.
func (t *Ticket) encodeBlob(e *messenger.Encoder) {
	if t == nil {
		t = &Ticket{}
	}
	e.Uint8(ticketBlobVersion)
	e.Uint64(t.secretID)
	e.Blob(t.blob)
}

// decodeTicketBlob reads what encodeBlob wrote. The blob points into d's bytes.
func decodeTicketBlob(d *messenger.Decoder) (secretID uint64, blob []byte) {
	d.Uint8()
	return d.Uint64(), d.Blob()
}

// TicketInfo is what a ticket tells its service about its holder.
//
// Implements:
//
//	struct CephXServiceTicketInfo
//	struct AuthTicket
type TicketInfo struct {
	Name       EntityName
	GlobalID   uint64
	Created    time.Time
	Expires    time.Time // zero: never
	AllowAll   bool      // everything is allowed, whatever Caps says
	Caps       []byte    // what the holder may do, in the service's own form
	SessionKey CryptoKey
}

func (i *TicketInfo) encode(e *messenger.Encoder) {
	e.Uint8(ticketInfoVersion)
	e.Uint8(authTicketVersion)
	i.Name.encode(e)
	e.Uint64(i.GlobalID)
	e.Uint64(^uint64(0)) // where the number of a user was once
	e.Time(i.Created)
	e.Time(i.Expires)
	e.Uint8(authCapsVersion)
	e.Bool(i.AllowAll)
	e.Blob(i.Caps)
	e.Uint32(0) // flags
	i.SessionKey.encode(e)
}

func decodeTicketInfo(d *messenger.Decoder) *TicketInfo {
	i := &TicketInfo{}
	d.Uint8()
	version := d.Uint8()
	i.Name = decodeName(d)
	i.GlobalID = d.Uint64()
	if version >= 2 {
		d.Uint64()
	}
	i.Created, i.Expires = d.Time().UTC(), d.Time().UTC()
	d.Uint8()
	i.AllowAll = d.Bool()
	i.Caps = bytes.Clone(d.Blob())
	d.Uint32()
	i.SessionKey = decodeKey(d)
	return i
}

// NewTicket makes a ticket for a service whose secret the caller has; secretID tells
// the service which of its secrets that is, see [SharedSecret].
func NewTicket(service messenger.EntityType, secretID uint64, secret CryptoKey, info *TicketInfo) *Ticket {
	return &Ticket{
		Service:    service,
		SessionKey: info.SessionKey,
		Expires:    info.Expires,
		RenewAfter: info.Expires,
		secretID:   secretID,
		blob:       secret.seal(info.encode),
	}
}

// decodeTickets reads a monitor's list of tickets. Their session keys are encrypted
// with key; a ticket that replaces one that the holder has may be encrypted with that
// one's session key.
func decodeTickets(op string, d *messenger.Decoder, key CryptoKey, old map[messenger.EntityType]*Ticket, now time.Time) ([]*Ticket, error) {
	const leastItem = 4 + 1 + 4 + 1 + 4
	d.Uint8()
	n := d.Count(leastItem)
	tickets := make([]*Ticket, 0, n)
	for range n {
		t := &Ticket{Service: messenger.EntityType(d.Uint32())}
		d.Uint8()
		sealed := d.Blob()
		encrypted := d.Bool()
		blob := d.Blob()
		if d.Err() != nil {
			break
		}
		in, err := key.open(op, sealed)
		if err != nil {
			return nil, err
		}
		in.Uint8()
		t.SessionKey = decodeKey(in)
		valid := time.Duration(in.Uint32())*time.Second + time.Duration(in.Uint32())
		if valid > 0 {
			t.Expires, t.RenewAfter = now.Add(valid), now.Add(valid-valid/4)
		}
		if err := end(op, in); err != nil {
			return nil, err
		}
		if encrypted {
			before := old[t.Service]
			if before == nil {
				return nil, fail(op, ErrNoTicket)
			}
			if in, err = before.SessionKey.open(op, blob); err != nil {
				return nil, err
			}
			blob = in.Blob()
			if err := end(op, in); err != nil {
				return nil, err
			}
		}
		in = messenger.NewDecoder(blob)
		t.secretID, blob = decodeTicketBlob(in)
		if err := end(op, in); err != nil {
			return nil, err
		}
		t.blob = bytes.Clone(blob)
		tickets = append(tickets, t)
	}
	return tickets, malformed(op, d)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// result is one measurement: a row of the CSV file and an element of the JSON
// output. It repeats all that the figures depend on, so that every row stands
// for itself.
type result struct {
	Time string `json:"time" csv:"time"` // of the end, RFC 3339
	environment

	Role        string  `json:"role" csv:"role"`           // client, local or spawn
	Transport   string  `json:"transport" csv:"transport"` // tcp or rdma
	Streams     int     `json:"streams" csv:"streams"`     // sockets per connection
	Keepalive   bool    `json:"keepalive" csv:"keepalive"`
	Kind        string  `json:"kind" csv:"kind"` // request, one-way or one-way with receipt
	API         string  `json:"api" csv:"api"`   // call or send
	Buffers     string  `json:"buffers" csv:"buffers"`
	Server      string  `json:"server" csv:"server"` // inline or workers, if it is ours
	Workers     int     `json:"workers" csv:"workers"`
	Portals     int     `json:"portals" csv:"portals"`
	Connections int     `json:"connections" csv:"connections"`
	Sessions    int     `json:"sessions" csv:"sessions"`
	Contexts    int     `json:"contexts" csv:"contexts"`
	Goroutines  int     `json:"goroutines" csv:"goroutines"` // that send; 0: completions do
	Header      int     `json:"header_size" csv:"header_size"`
	Size        int     `json:"size" csv:"size"`
	Depth       int     `json:"depth" csv:"depth"` // per connection
	TargetRate  float64 `json:"target_rate" csv:"target_rate"`
	Warmup      float64 `json:"warmup_seconds" csv:"warmup_seconds"`

	Seconds  float64     `json:"seconds" csv:"seconds"`
	Messages uint64      `json:"messages" csv:"messages"`
	Unsent   uint64      `json:"unsent" csv:"unsent"` // due, but not sent at the end
	Rate     float64     `json:"messages_per_second" csv:"messages_per_second"`
	MBOut    float64     `json:"mb_per_second_out" csv:"mb_per_second_out"`
	MBIn     float64     `json:"mb_per_second_in" csv:"mb_per_second_in"`
	CPU      float64     `json:"cpu_us_per_message" csv:"cpu_us_per_message"` // of this process
	Latency  percentiles `json:"latency_us" csv:"latency_us_,inline"`
	Lag      percentiles `json:"lag_us" csv:"lag_us_,inline"` // with a rate: how late messages were sent

	Interrupted bool `json:"interrupted" csv:"interrupted"`
}

// fixed is the part of a result that the options say.
func (o *options) fixed() result {
	r := result{
		environment: thisEnvironment(),
		Role:        o.role(),
		Transport:   o.transport,
		Streams:     2,
		Keepalive:   !o.noKeepalive,
		Kind:        o.kind(),
		API:         o.api,
		Buffers:     "copied",
		Server:      "unknown",
		Workers:     o.workers,
		Portals:     o.portals,
		Connections: o.connections,
		Sessions:    o.connections,
		Contexts:    o.contexts,
		Header:      o.header,
		TargetRate:  o.rate,
		Warmup:      o.warmup.Seconds(),
	}
	if o.single {
		r.Streams = 1
	}
	if o.oneSession {
		r.Sessions = 1
	}
	if o.buffers {
		r.Buffers = "pool"
	}
	if o.local || o.spawn {
		r.Server = "inline"
		if o.workers > 0 {
			r.Server = "workers"
		}
	}
	return r
}

// kind is what is sent.
func (o *options) kind() string {
	switch {
	case o.oneWay && (o.receipt || o.api == apiCall):
		return "one-way with receipt"
	case o.oneWay:
		return "one-way"
	}
	return "request"
}

// measured is what a phase ended with.
type measured struct {
	took        time.Duration
	cpu         float64
	unsent      uint64
	messages    uint64
	bytesIn     uint64
	latency     *hdrhistogram.Histogram
	lag         *hdrhistogram.Histogram // nil without a rate
	interrupted bool
}

// fill adds the figures to a result.
func (m *measured) fill(r *result) {
	r.Time = time.Now().UTC().Format(time.RFC3339)
	r.Seconds = m.took.Seconds()
	r.Messages = m.messages
	r.Unsent = m.unsent
	r.Latency = percentilesOf(m.latency)
	if m.lag != nil {
		r.Lag = percentilesOf(m.lag)
	}
	if r.Seconds > 0 {
		r.Rate = float64(m.messages) / r.Seconds
		r.MBOut = r.Rate * float64(r.Size) / 1e6
		r.MBIn = float64(m.bytesIn) / r.Seconds / 1e6
	}
	if m.messages > 0 {
		r.CPU = m.cpu * 1e6 / float64(m.messages)
	}
	r.Interrupted = m.interrupted
}

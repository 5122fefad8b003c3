// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Inputs for the whole-engine fuzz targets: scripts in the language of
// testdata/fuzz_script.h, made from the golden captures and from stories.

const (
	opTurn = iota
	opOpen
	opUp
	opFrame
	opGiven
	opRaw
	opFill
	opTime
	opShut
	opLink
	opSession
	opAnswer
	opRead
	opApp
	opAgain
	opConnect
)

const (
	appRequest = iota
	appOneWay
	appAnswer
	appAnswerNewest
	appRelease
	appReleaseAll
	appDisconnect
	appCancel
	appDecide
	appAbort
	appQuery
	appUnbind
	appMore
	appCancelAnswer
	appChain
	appModify
)

// The head of a script.
const (
	optSingle    = 0x01
	optSmallBufs = 0x02
	optFlow      = 0x04
	optReconnect = 0x08
	optQuiet     = 0x10
	optNoPool    = 0x20
	optShallow   = 0x40
	optLists     = 0x80

	decideReject   = 1
	decideLate     = 2
	decidePortals  = 4
	decideRedirect = 5
	answerLate     = 1 << 3
	cancelYes      = 1 << 6
	assignGood     = 1
	keepToEnd      = 2 << 3

	endReset   = 0x01
	endContext = 0x02
	endClose   = 0x04
	endAnswer  = 0x08
)

// How a frame is sent.
const (
	howDataFirst = 0x01
	howCtlAlone  = 0x02
	howBytes     = 0x04
	howHalves    = 0x08
	howRandom    = 0x0c
	howSettle    = 0x20
	howPatch     = 0x80
)

type script []byte

func (s *script) step(op, n int, more ...byte) {
	*s = append(append(*s, byte(op|n<<4)), more...)
}

func (s *script) given(how byte, f frame) {
	n := 0
	switch {
	case len(f.data) > 4096:
		n = 2
	case len(f.data) > 0:
		n = 1
	}
	s.step(opGiven, n, how, byte(len(f.ctl)>>8), byte(len(f.ctl)))
	*s = append(*s, f.ctl...)
	if n > 0 {
		k := len(f.data)
		*s = append(*s, byte(k>>16), byte(k>>8), byte(k))
	}
	switch n {
	case 1:
		*s = append(*s, f.data...)
	case 2:
		*s = append(*s, f.data[0])
	}
}

// sizeIndex is the last of the sizes in fuzz_app_send.c that is not above n.
func sizeIndex(n int) byte {
	sizes := []int{0, 1, 16, 200, 1000, 8191, 8192, 8193, 9103, 9104, 9119, 9120, 20000, 65536, 262144, 1<<20 + 1}
	i, _ := slices.BinarySearch(sizes, n+1)
	return byte(i - 1)
}

// sessionHead is the head for a capture: what libxio's application did there.
func sessionHead(name string, dual bool) []byte {
	head := []byte{0, 0, assignGood, 2, endReset, 0}
	if !dual {
		head[0] |= optSingle
	}
	if strings.HasPrefix(name, "flow-control") {
		head[0] |= optFlow
	}
	switch name {
	case "reject-with-private-data":
		head[1] = decideReject
	case "accept-with-portals", "accept-with-portals-single":
		head[1] = decidePortals
	case "redirect":
		head[1] = decideRedirect
	case "request-with-receipt", "cancel", "abrupt-loss-of-server":
		head[1] = answerLate
	case "large-1m-response", "large-1m-response-single":
		head[3] = 14
	}
	return head
}

// sessionScript makes a script of a capture: the frames of one side go to the
// engine, which is led to send those of the other.
func sessionScript(t *testing.T, path string, asServer bool, how byte) script {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(path), ".txt")
	c := readCapture(t, path)
	steps := c.steps
	s := script(sessionHead(name, c.dual))
	if !asServer {
		s.step(opConnect, 4)
	}
	now, links := -1, 0
	peerClosed := false
	for i, st := range steps {
		if st.link != now {
			switch {
			case asServer && st.link >= links:
				kind := 0
				if !c.dual {
					kind = 1
				} else if how&howDataFirst != 0 {
					kind = 2
				}
				if st.link > 0 && head0(steps, i).typ() == sessionSetupReq {
					s.step(opTurn, 0)
				}
				s.step(opOpen, kind)
				links = st.link + 1
			case !asServer && st.link >= links:
				s.step(opOpen, 0)
				links = st.link + 1
			}
			s.step(opLink, st.link)
			now = st.link
		}
		if st.toServer == asServer {
			if st.typ() == finReq {
				peerClosed = true
			}
			if st.typ() == sessionSetupReq || st.typ() == 0x202 {
				peerClosed = false
			}
			s.given(how, st.frame)
			continue
		}
		switch st.typ() {
		case msgReq:
			s.step(opApp, appRequest, 1<<4|sizeIndex(dataLen(st.ctl, c.dual)),
				0x20|sizeIndex(1<<20+1), st.ctl[offFlags+3]&1)
		case oneWayReq:
			s.step(opApp, appOneWay, 1<<4|sizeIndex(len(st.data)), st.ctl[offFlags+3]&1)
		case msgRsp:
			if be.Uint32(st.ctl[offFlags:])&0x1000 != 0 {
				s.step(opApp, appAnswer, s[3], 0)
			}
		case finReq:
			if !peerClosed {
				s.step(opApp, appDisconnect, 0, 0)
			}
		case kaReq:
			s.step(opTime, 11)
		case 0x802:
			s.step(opApp, appCancel, 0, 0)
		}
		s.step(opTurn, 0)
	}
	return s
}

// head0 is the first frame to the server on the link of step i.
func head0(steps []step, i int) frame {
	for _, s := range steps[i:] {
		if s.link == steps[i].link && s.toServer && !isNexus(s.typ()) {
			return s.frame
		}
	}
	return steps[i].frame
}

// Places in peer_types (fuzz_frames.c).
const (
	pMsgReq = iota
	pMsgRsp
	pOneWayReq
	pOneWayRsp
	pNexusReq
	pNexusRsp
	pSetupReq
	pSetupRsp
	pHelloReq
	pHelloRsp
	pFinReq
	pFinRsp
	pCancelReq
	pCancelRsp
	pAckReq
	pKaReq
	pKaRsp
)

func (s *script) frame(how byte, typ int, shape, more byte, patches ...byte) {
	if len(patches) > 0 {
		how |= howPatch
	}
	s.step(opFrame, 0, append([]byte{how, byte(typ), shape, more}, patches...)...)
}

// stories are scripts for what no capture shows. asServer: the engine is one.
func stories(asServer bool) map[string]script {
	all := make(map[string]script)
	open := func(name string, head [6]byte, kind int) *script {
		s := script(head[:])
		if !asServer {
			s.step(opConnect, 0)
		}
		s.step(opUp, kind)
		all[name] = s
		return &s
	}
	tell := func(name string, head [6]byte, kind int, f func(s *script)) {
		s := open(name, head, kind)
		f(s)
		all[name] = *s
	}
	plain := [6]byte{0, 0, assignGood, 2, endReset, 0}

	for shape := range 8 {
		for kind := range 2 {
			head := plain
			head[0] = byte(kind) // also the client's mode
			head[2] = byte(shape)
			head[3] = byte(2 * shape)
			tell(fmt.Sprintf("sizes-%d-%d", shape, kind), head, kind, func(s *script) {
				s.frame(howSettle, pMsgReq, byte(shape)|3<<3|0x40, 1)
				s.frame(howSettle, pMsgReq, byte(shape)|0x20|2<<3, 0x10)
				s.frame(howHalves, pOneWayReq, byte(shape)|0x20, 0)
				s.frame(howSettle, pOneWayReq, byte(shape), 0x20|4)
				s.step(opApp, appRequest, byte(2*shape), 0x30|byte(2*shape), 1)
				s.step(opTurn, 0)
				s.frame(howSettle, pMsgRsp, 0, 0x20)
				s.frame(howSettle, pMsgRsp, byte(shape), 1)
				s.step(opApp, appOneWay, byte(2*shape)|0xc0, byte(shape&1))
				s.step(opAnswer, 0)
				s.step(opApp, appChain, 2, 0x81)
				s.step(opApp, appChain, 3, 0)
				s.step(opAnswer, 0)
				s.step(opApp, appDisconnect, 0, 0)
				s.step(opAnswer, 0)
			})
		}
	}
	tell("keepalive", plain, 0, func(s *script) {
		s.step(opTime, 11)
		s.step(opAnswer, 0)
		s.frame(howSettle, pKaReq, 0, 0)
		s.step(opTime, 14)
		s.step(opAnswer, 0)
		s.step(opTime, 14)
		s.step(opTime, 14)
	})
	tell("silent-close", plain, 0, func(s *script) {
		s.step(opApp, appModify, 0, 1)
		s.step(opApp, appDisconnect, 0, 0)
		s.step(opTurn, 0)
		s.step(opTime, 15)
	})
	tell("half-closed", plain, 0, func(s *script) {
		s.step(opApp, appDisconnect, 0, 0)
		s.step(opTurn, 0)
		s.frame(howSettle, pFinRsp, 0, 0)
		s.step(opTime, 15)
	})
	tell("both-close", plain, 0, func(s *script) {
		s.step(opApp, appDisconnect, 0, 0)
		s.frame(howSettle, pFinReq, 0, 0)
		s.step(opAnswer, 0)
	})
	tell("idle-link", plain, 0, func(s *script) {
		s.frame(howSettle, pFinReq, 0, 0)
		s.step(opAnswer, 0)
		s.step(opTime, 12)
	})
	late := plain
	late[1] = answerLate | cancelYes
	late[2] |= keepToEnd
	tell("held", late, 0, func(s *script) {
		for i := range byte(6) {
			s.frame(0, pMsgReq, 2+i%4|0x20, 0)
			s.frame(howSettle, pOneWayReq, 2, 0)
		}
		s.step(opApp, appAnswerNewest, 2, 0)
		s.step(opApp, appAnswer, 12, 0)
		s.step(opApp, appRelease, 0, 0)
		s.frame(howSettle, pCancelReq, 0, 0)
		s.step(opApp, appCancelAnswer, 1, 0)
		s.frame(howSettle, pCancelReq, 0, 4)
		s.step(opApp, appCancelAnswer, 0, 0)
		s.step(opApp, appReleaseAll, 0, 0)
		s.step(opApp, appQuery, 0, 0)
		s.frame(howSettle, pFinReq, 0, 0)
		s.step(opTurn, 0)
		s.step(opAnswer, 0)
	})
	tell("cancel", plain, 0, func(s *script) {
		s.step(opApp, appRequest, 2, 0, 0)
		s.step(opApp, appCancel, 0, 0)
		s.step(opApp, appRequest, 2, 0, 0)
		s.step(opApp, appRequest, 2, 0, 0)
		s.step(opTurn, 0)
		s.step(opApp, appCancel, 0, 0)
		s.step(opTurn, 0)
		s.frame(howSettle, pCancelRsp, 0, 1|0x10)
		s.step(opApp, appCancel, 1, 0)
		s.step(opTurn, 0)
		s.frame(howSettle, pCancelRsp, 0, 2)
		s.step(opApp, appCancel, 1, 0)
		s.step(opTurn, 0)
		s.frame(howSettle, pMsgRsp, 2, 0)
		s.frame(howSettle, pCancelRsp, 0, 3)
		s.step(opAnswer, 0)
	})
	shallow := plain
	shallow[0] = optShallow | optFlow
	shallow[1] = answerLate
	tell("flow", shallow, 0, func(s *script) {
		for range 6 {
			s.step(opApp, appRequest, 2, 0, 0)
			s.step(opApp, appOneWay, 2, 0)
		}
		s.step(opTurn, 0)
		s.frame(howSettle, pAckReq, 4, 4)
		s.frame(howSettle, pMsgReq, 0x82, 0)
		s.step(opAgain, 7)
		s.step(opApp, appAnswer, 2, 0)
		s.step(opTime, 3)
		s.step(opAnswer, 0)
		s.step(opTime, 3)
	})
	small := plain
	small[0] = optSmallBufs
	small[3] = 14
	tell("unread", small, 0, func(s *script) {
		s.step(opRead, 3)
		for range 3 {
			s.frame(howSettle, pMsgReq, 2|2<<3, 0)
			s.step(opApp, appRequest, 14, 0, 0)
			s.step(opApp, appOneWay, 13, 0)
		}
		s.step(opTurn, 9)
		s.step(opRead, 0)
		s.step(opAnswer, 0)
	})
	lists := plain
	lists[0] = optLists | optNoPool
	lists[3] = 0xcd
	tell("lists", lists, 1, func(s *script) {
		s.frame(howSettle, pMsgReq, 5|3<<3, 7)
		s.frame(howSettle, pMsgReq, 5|3<<3, 0x87)
		s.step(opApp, appRequest, 0xcd, 0x3d, 0)
		s.step(opAnswer, 0)
	})
	tell("wrong", plain, 0, func(s *script) {
		s.frame(howSettle, pMsgReq, 2, 0, 32, 8, 1) // sn one too far
	})
	tell("wrong-id", plain, 0, func(s *script) {
		s.frame(howSettle, pMsgReq, 2, 0, 16, 2|8, 1)
		s.frame(howSettle, pKaReq, 0, 0, 16, 2|4, 0, 1, 2, 3)
		s.step(opApp, appRequest, 2, 0, 0)
		s.frame(howSettle, pMsgRsp, 2, 0, 68, 2|8, 1)
	})
	for more := range byte(8) {
		tell(fmt.Sprintf("wrong-answer-%d", more), plain, 0, func(s *script) {
			s.step(opApp, appRequest, 2, 0x30|12, 0)
			s.step(opApp, appRequest, 2, 0x20|13, 0)
			s.step(opTurn, 0)
			s.frame(howSettle, pMsgRsp, 6, 1|more<<1)
			s.frame(howSettle, pMsgRsp, 5, 1)
			s.frame(howSettle, pMsgRsp, 2, 8)
		})
	}
	tell("too-long", plain, 0, func(s *script) {
		s.frame(howSettle, pMsgReq, 5, 8)
	})
	tell("abrupt", plain, 0, func(s *script) {
		s.step(opApp, appRequest, 2, 0, 0)
		s.frame(0, pMsgReq, 6, 0)
		s.step(opShut, 1|8)
		s.step(opTurn, 0)
	})
	tell("halves", plain, 2, func(s *script) {
		s.step(opApp, appRequest, 2, 0, 1)
		s.step(opTurn, 0)
		s.frame(howCtlAlone, pMsgReq, 2, 0)
		s.frame(howCtlAlone, pOneWayReq, 5, 0)
		s.frame(howCtlAlone, pMsgRsp, 0, 0x20)
		s.frame(howCtlAlone, pMsgRsp, 2, 0)
		s.step(opTurn, 2)
		s.frame(howSettle|howBytes, pMsgReq, 2, 0)
		s.step(opShut, 2)
		s.step(opTurn, 0)
	})
	for bit := range 8 {
		low := late
		low[5] = 1 << bit
		tell(fmt.Sprintf("limit-%d", bit), low, 0, func(s *script) {
			s.frame(0, pSetupReq, 0, 0)
			s.frame(howSettle, pSetupReq, 0, 0)
			for range 4 {
				s.frame(howSettle, pMsgReq, 6, 0)
				s.frame(howSettle, pOneWayReq, 6, 0x20)
				s.frame(howSettle, pKaReq, 0, 0)
			}
			s.frame(howSettle, pSetupRsp, 0, 2)
			s.step(opApp, appRelease, 0, 0)
			s.step(opApp, appAnswer, 2, 0)
			s.step(opOpen, 3)
			s.step(opOpen, 4)
			s.step(opOpen, 0)
			s.step(opOpen, 1)
			s.step(opTurn, 0)
			s.step(opOpen, 1)
			s.step(opOpen, 1)
			s.frame(howSettle, pNexusReq, 0, 0)
			s.step(opTime, 3)
			s.step(opApp, appReleaseAll, 0, 0)
			s.step(opAnswer, 0)
		})
	}
	gone := plain
	gone[4] = endContext
	tell("context", gone, 0, func(s *script) {
		s.step(opApp, appRequest, 2, 0x2c, 0)
		s.frame(howSettle, pMsgReq, 5, 0)
		s.frame(0, pMsgReq, 6, 0)
	})
	again := late
	again[0] = optReconnect
	for how := range 3 {
		tell(fmt.Sprintf("reconnect-%d", how), again, 0, func(s *script) {
			s.step(opApp, appRequest, 2, 0x2c, 1)
			s.step(opApp, appRequest, 13, 0x2d, 0)
			s.step(opApp, appOneWay, 2, 1)
			s.frame(howSettle, pMsgReq, 2|0x20, 0)
			s.frame(howSettle, pMsgReq, 2, 0)
			s.frame(howSettle, pMsgReq, 2|3<<3, 0)
			s.frame(howSettle, pOneWayReq, 2, 0)
			s.frame(howCtlAlone, pMsgReq, 5, 0)
			s.step(opTurn, 0)
			s.step(opShut, 3|8)
			s.step(opTurn, 0)
			s.step(opApp, appAnswer, 2+byte(how)*5, 0)
			if how == 2 {
				s.step(opApp, appDisconnect, 0, 0)
			}
			s.step(opOpen, 0)
			if asServer {
				s.frame(howSettle, pNexusReq, 0, 0x40)
			} else {
				s.frame(howSettle, pNexusRsp, 0, byte(how&1)<<4)
			}
			// What may have been lost comes again, by its old serial number.
			for serial := range byte(5) {
				typ := pMsgReq
				if serial == 3 {
					typ = pOneWayReq
				}
				s.frame(howSettle, typ, 2|0x20, 0, 24, 3|4, 0, 0, 0, 0, 0, 0, 0, serial)
			}
			s.step(opAnswer, 0)
			s.step(opApp, appAnswer, 2, 0)
			s.step(opApp, appAnswer, 2, 0)
			s.frame(howSettle, pMsgReq, 2, 0)
			s.step(opTime, 8)
			s.step(opAnswer, 0)
			s.step(opTime, 13)
		})
	}
	if !asServer {
		for action := range byte(4) {
			s := script{0, 0, assignGood, 2, endReset, 0}
			s.step(opConnect, 13)
			s.step(opApp, appRequest, 2, 0, 0)
			s.step(opOpen, 0)
			s.frame(howSettle, pNexusRsp, 0, action)
			s.frame(howSettle, pSetupRsp, 0, action|8|0x30)
			s.step(opAnswer, 0)
			for link := range 4 {
				s.step(opLink, link)
				s.step(opAnswer, 0)
			}
			all[fmt.Sprintf("setup-%d", action)] = s
		}
		s := script{0, 0, assignGood, 2, endReset, 0}
		s.step(opConnect, 0)
		s.step(opApp, appRequest, 2, 0, 0)
		s.step(opTurn, 1)
		s.step(opApp, appAbort, 0, 0)
		s.step(opConnect, 0)
		s.step(opUp, 0)
		s.step(opApp, appMore, 0, 1)
		s.step(opAnswer, 0)
		s.step(opLink, 1)
		s.step(opAnswer, 0)
		s.step(opConnect, 0)
		s.step(opTime, 10)
		all["connects"] = s
		return all
	}
	for d := range byte(8) {
		head := plain
		head[1] = d
		tell(fmt.Sprintf("decide-%d", d), head, 0, func(s *script) {
			s.step(opApp, appDecide, d&1, 0)
			s.frame(howSettle, pMsgReq, 2, 0)
			s.step(opAnswer, 0)
			s.step(opOpen, 8)
			s.frame(howSettle, pNexusReq, 0, 0)
			s.frame(howSettle, pHelloReq, 0, 0)
			s.frame(howSettle, pMsgReq, 2, 0)
			s.step(opAnswer, 0)
		})
	}
	for kind := range 8 {
		s := script{0, 0, assignGood, 2, endReset, 0}
		raw := make([]byte, 16)
		be.PutUint32(raw, uint32(kind))
		if kind != 5 {
			raw = nil
		}
		s.step(opOpen, kind, raw...)
		s.frame(howSettle|howBytes, pNexusReq, 0, byte(kind))
		s.frame(howSettle, pSetupReq, 0, byte(kind))
		s.frame(howSettle, pSetupReq, 0, 0x43)
		s.step(opTime, 9)
		s.step(opSession, 0)
		s.frame(howSettle, pMsgReq, 2, 0)
		all[fmt.Sprintf("open-%d", kind)] = s
	}
	return all
}

// writeSeeds fills a folder with inputs for one of the targets; returns how
// many there are.
func writeSeeds(t *testing.T, dir string, asServer bool) int {
	t.Helper()
	put := func(s script) {
		name := fmt.Sprintf("%x", sha256.Sum256(s))[:16]
		if err := os.WriteFile(filepath.Join(dir, name), s, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range captures(t) {
		for _, how := range []byte{howSettle, 0, howSettle | howBytes, howDataFirst | howHalves, howCtlAlone | howRandom} {
			put(sessionScript(t, path, asServer, how))
		}
	}
	for _, s := range stories(asServer) {
		put(s)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

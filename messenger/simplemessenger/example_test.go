// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"fmt"
	"log"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

// printer prints what comes, and says so.
type printer struct {
	messenger.BaseDispatcher
	seen chan struct{}
}

func (p *printer) Dispatch(m messenger.Message) bool {
	if ping, ok := m.(*messages.DataPing); ok {
		fmt.Printf("%s: %s\n", ping.Tag, ping.Data())
	}
	m.Base().Release()
	p.seen <- struct{}{}
	return true
}

// A client sends one message to a server, over TCP.
func Example() {
	types := messenger.NewRegistry()
	messages.Register(types)
	start := func(t messenger.EntityType, p messenger.Policy, d messenger.Dispatcher, bind string) *simplemessenger.Messenger {
		m := simplemessenger.New(messenger.Config{
			Name: messenger.EntityName{Type: t, Num: 1}, Registry: types, Auth: messenger.AuthNone{},
		})
		if err := m.SetDefaultPolicy(p); err != nil {
			log.Fatal(err)
		}
		m.AddDispatcherTail(d)
		if bind != "" {
			at, err := messenger.ParseEntityAddr(bind)
			if err != nil {
				log.Fatal(err)
			}
			if err := m.Bind(at); err != nil {
				log.Fatal(err)
			}
		}
		if err := m.Start(); err != nil {
			log.Fatal(err)
		}
		return m
	}
	p := &printer{seen: make(chan struct{})}
	server := start(messenger.EntityOSD, messenger.StatelessServer(), p, "v1:127.0.0.1:0")
	client := start(messenger.EntityClient, messenger.LossyClient(), messenger.BaseDispatcher{}, "")

	c, err := client.ConnectTo(messenger.EntityOSD, server.Addrs())
	if err != nil {
		log.Fatal(err)
	}
	m := messages.NewDataPing("greeting", 1)
	m.SetData([]byte("hello"))
	if err := c.Send(m); err != nil {
		log.Fatal(err)
	}
	<-p.seen

	for _, m := range []messenger.Messenger{client, server} {
		m.Shutdown()
		m.Wait()
	}
	// Output: greeting: hello
}

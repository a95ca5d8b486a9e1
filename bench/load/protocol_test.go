package load

import (
	"fmt"
	"testing"
)

func TestMessagesOfServersAreParsed(t *testing.T) {
	for _, c := range []struct {
		protocol Protocol
		frame    string
		want     string
	}{
		{SocketIO{4}, `0{"sid":"a"}`, "[Opened]"},
		{SocketIO{3}, `0{"sid":"a"}`, "[]"},
		{SocketIO{4}, `40{"sid":"a"}`, "[Connected]"},
		{SocketIO{3}, `40`, "[Connected]"},
		{SocketIO{4}, `2`, "[Pinged]"},
		{SocketIO{4}, `4312["x"]`, `[Acked 12 ["x"]]`},
		{SocketIO{4}, `42["msg","payload"]`, "[Delivered payload]"},
		{SocketIO{4}, `44{"message":"no"}`, "error"},
		{SocketIO{4}, ``, "error"},
		{Centrifuge{}, fmt.Sprintf(`{"id":%d,"connect":{"client":"a"}}`, connectID), "[Connected]"},
		{Centrifuge{}, "{}", "[Pinged]"},
		{Centrifuge{}, "{\"id\":7,\"rpc\":{\"data\":\"x\"}}\n" + `{"push":{"channel":"a","pub":{"data":"payload"}}}`, `[Acked 7 ,"rpc":{"data":"x"}} Delivered payload]`},
		{Centrifuge{}, `{"id":7,"error":{"code":100}}`, "error"},
	} {
		got := []string{}
		err := c.protocol.Parse([]byte(c.frame), func(m Message) {
			name := []string{"Ignored", "Opened", "Connected", "Acked", "Delivered", "Pinged"}[m.Kind]
			if m.Kind == Acked {
				name += fmt.Sprintf(" %d", m.ID)
			}
			if m.Payload != nil {
				name += " " + string(m.Payload)
			}
			got = append(got, name)
		})
		text := fmt.Sprint(got)
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("%T %s: got %s, %v, want %s", c.protocol, c.frame, text, err, c.want)
		}
	}
}

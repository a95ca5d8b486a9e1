package sio_test

import (
	"encoding/json"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

func ExampleMarshal() {
	args, err := sio.Marshal([]any{"photo", map[string]any{"by": "ada", "image": []byte{1, 2, 3}}})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s %v\n", args.JSON, args.Attachments)
	text, err := json.Marshal(args)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", text)
	// Output:
	// ["photo",{"by":"ada","image":{"_placeholder":true,"num":0}}] [[1 2 3]]
	// ["photo",{"by":"ada","image":{"$binary":"AQID"}}]
}

func ExampleData_Lookup() {
	args := sio.Data{JSON: []byte(`[{"to":"lobby","tags":["a","b"]}]`)}
	to, _ := args.Lookup("0", "to")
	tag, _ := args.Lookup("0", "tags", "1")
	_, ok := args.Lookup("0", "from")
	fmt.Println(to.Text(), tag, ok)
	// Output: lobby "b" false
}

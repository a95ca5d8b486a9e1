// Private messages: the application admits users, and chooses the receiver of each message.
package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"
)

type object map[string]any

var users = map[string]string{"ada": "lovelace", "alan": "turing", "grace": "hopper"} // keep hashes instead

// sessions are names by cookies. They end with the process.
var sessions sync.Map

// emit emits at any time, from anywhere in the application.
func emit(event string, args []any, to ...string) {
	body, _ := json.Marshal(object{"event": event, "args": args, "to": to}) // strings always marshal
	api := cmp.Or(os.Getenv("SOCKETIO_API"), "http://localhost:2019/socketio")
	resp, err := http.Post(api+"/emit", "application/json", bytes.NewReader(body))
	if err != nil {
		log.Print("emit ", event, ": ", err)
		return
	}
	_ = resp.Body.Close()
}

func login(w http.ResponseWriter, r *http.Request) (int, object) {
	name, password, token := r.FormValue("name"), r.FormValue("password"), rand.Text()
	if users[name] == "" || subtle.ConstantTimeCompare([]byte(users[name]), []byte(password)) == 0 {
		return 401, object{"error": object{"message": "wrong name or password"}}
	}
	sessions.Store("session="+token, name)
	http.SetCookie(w, &http.Cookie{
		Name: "session", Value: token, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: r.Header.Get("X-Forwarded-Proto") == "https",
	})
	emit("notice", []any{"You logged in from another browser."}, "user:"+name)
	return 200, object{}
}

func socket(_ http.ResponseWriter, r *http.Request) (int, object) {
	cookie, _ := r.Cookie("session") // of the browser that the socket is in; maybe none
	name, known := sessions.Load(cookie.String())
	var event struct{ Args [2]string }
	err := json.NewDecoder(r.Body).Decode(&event)
	switch to, text := event.Args[0], event.Args[1]; {
	case !known:
		return 401, object{"error": object{"message": "log in first"}}
	case r.URL.Path == "/connect":
		return 200, object{
			"join": []string{"user:" + name.(string)}, "data": object{"name": name},
			"emit": []object{{"event": "welcome", "args": []any{name}}},
		}
	case err != nil || users[to] == "" || text == "" || len(text) > 8000:
		return 422, object{"error": object{"message": "expected a user's name and a text"}}
	}
	return 200, object{"ack": []string{"sent"}, "emit": []object{
		{"event": "private message", "args": []any{name, event.Args[1]}, "to": []string{"user:" + event.Args[0]}},
	}}
}

func main() {
	for path, handle := range map[string]func(http.ResponseWriter, *http.Request) (int, object){"/login": login, "/": socket} {
		http.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			status, reply := handle(w, r)
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(reply)
		})
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "8081"), nil))
}

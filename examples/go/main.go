// Private messages: the application says who may connect, and who gets what.
package main

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"
	"time"
)

var users = map[string]string{"ada": "lovelace", "alan": "turing", "grace": "hopper"} // keep hashes instead

var sessions sync.Map // names by the token in the cookie; they end with the process

type object map[string]any

func login(w http.ResponseWriter, r *http.Request) (int, object) {
	name, given := r.FormValue("name"), r.FormValue("password")
	if password := users[name]; password == "" || subtle.ConstantTimeCompare([]byte(password), []byte(given)) == 0 {
		return 401, object{"error": object{"message": "wrong name or password"}}
	}
	token := rand.Text()
	sessions.Store(token, name)
	time.AfterFunc(24*time.Hour, func() { sessions.Delete(token) })
	http.SetCookie(w, &http.Cookie{Name: "session", Value: token, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: r.Header.Get("X-Forwarded-Proto") == "https"})
	return 200, object{}
}

func connect(_ http.ResponseWriter, r *http.Request) (int, object) {
	if cookie, err := r.Cookie("session"); err == nil {
		if name, ok := sessions.Load(cookie.Value); ok {
			return 200, object{"data": object{"name": name}, "join": []any{"user:" + name.(string)},
				"emit": []object{{"event": "welcome", "args": []any{name}}}}
		}
	}
	return 401, object{"error": object{"message": "log in first"}}
}

func privateMessage(_ http.ResponseWriter, r *http.Request) (int, object) {
	var event struct {
		Args   [2]string
		Socket struct{ Data struct{ Name string } }
	}
	err := json.NewDecoder(r.Body).Decode(&event)
	to, text := event.Args[0], event.Args[1]
	if err != nil || users[to] == "" || text == "" || len(text) > 8000 {
		return 422, object{"error": object{"message": "expected somebody's name and a text"}}
	}
	message := []string{event.Socket.Data.Name, text} // who it is from is not the client's word
	return 200, object{"ack": []string{"sent"},
		"emit": []object{{"event": "private message", "args": message, "to": []string{"user:" + to}}}}
}

func main() {
	for path, answer := range map[string]func(http.ResponseWriter, *http.Request) (int, object){
		"POST /login": login, "POST /connect": connect, "POST /message": privateMessage,
	} {
		http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { ... })
	}
}

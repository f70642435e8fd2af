// Follows a channel, and continues after a restart where it was.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// Position of the last message that was handled.
type Position struct {
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// What the gateway sends. Members of data that an event does not have are zero.
type Frame struct {
	Event string `json:"event"`
	Data  struct {
		Position
		Recovered *bool           `json:"recovered"`
		Replay    uint64          `json:"replay"`
		Data      json.RawMessage `json:"data"`
		Code      string          `json:"code"`
		Message   string          `json:"message"`
		Retryable bool            `json:"retryable"`
	} `json:"data"`
}

// Close codes after which trying again is useless: docs/errors.md.
var final = []websocket.StatusCode{1008, 4001, 4003, 4009}

type Follower struct {
	url, channel, file string
	position           *Position
}

func main() {
	follower := Follower{
		url:     or("HOLDFAST_URL", "ws://localhost:8000/ws"),
		channel: or("CHANNEL", "chat:lobby"),
		file:    or("POSITION_FILE", "position.json"),
	}
	if text, err := os.ReadFile(follower.file); err == nil {
		if err := json.Unmarshal(text, &follower.position); err != nil {
			log.Fatalf("%s is not a position: %v", follower.file, err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for failures := 0; ctx.Err() == nil; failures++ {
		began := time.Now()
		err := follower.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if slices.Contains(final, websocket.CloseStatus(err)) {
			log.Fatal(err)
		}
		if time.Since(began) > time.Minute {
			failures = 0
		}
		log.Printf("connecting again: %v", err)
		// With jitter, because all clients of a pod that fails begin at the same time.
		wait := min(20*time.Second, 500*time.Millisecond<<min(failures, 6))
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(wait)):
		}
	}
}

// connect follows the channel until the connection ends.
func (follower *Follower) connect(ctx context.Context) error {
	socket, _, err := websocket.Dial(ctx, follower.url, &websocket.DialOptions{
		Subprotocols: []string{"holdfast.v1.json"},
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + token(follower.channel)}},
	})
	if err != nil {
		return err
	}
	defer socket.CloseNow()
	// A message is never larger than the gateway's maxPayload, 64 KiB by default.
	socket.SetReadLimit(1 << 20)
	for {
		var frame Frame
		if err := follower.read(ctx, socket, &frame); err != nil {
			return err
		}
		if err := follower.handle(ctx, socket, frame); err != nil {
			return err
		}
	}
}

// read waits for the next frame, for as long as the path is alive.
func (follower *Follower) read(ctx context.Context, socket *websocket.Conn, frame *Frame) error {
	result := make(chan error, 1)
	go func() { result <- wsjson.Read(ctx, socket, frame) }()
	for {
		select {
		case err := <-result:
			return err
		case <-time.After(10 * time.Second):
			// Quiet channels send nothing, so ask: Ping waits for the answer, which Read receives.
			ping, cancel := context.WithTimeout(ctx, 5*time.Second)
			err := socket.Ping(ping)
			cancel()
			if err != nil {
				return fmt.Errorf("the path is dead: %w", err)
			}
		}
	}
}

func (follower *Follower) handle(ctx context.Context, socket *websocket.Conn, frame Frame) error {
	switch data := frame.Data; frame.Event {
	case "welcome":
		request := map[string]any{"channel": follower.channel}
		if follower.position != nil {
			request["since"] = follower.position
		}
		return wsjson.Write(ctx, socket, map[string]any{"event": "subscribe", "id": 1, "data": request})
	case "reply":
		if data.Recovered != nil && !*data.Recovered {
			log.Print("messages were lost: load what they have changed from its source")
		}
		log.Print("following ", follower.channel)
		return follower.save(Position{data.Epoch, data.Offset - data.Replay})
	case "gap":
		log.Print("messages were lost: load what they have changed from its source")
		return follower.save(data.Position)
	case "message":
		if data.Offset <= follower.position.Offset {
			return nil
		}
		// Here your service does its work. If it ends before the position is saved, it gets the message again.
		fmt.Printf("%d %s\n", data.Offset, data.Data)
		return follower.save(Position{follower.position.Epoch, data.Offset})
	case "reconnect":
		// The pod stops. Nothing is lost: the next connection resumes.
		return errors.New("the pod asks to reconnect")
	case "unsubscribed", "error":
		return fmt.Errorf("%s: %s %s", frame.Event, data.Code, data.Message)
	}
	return nil
}

// save replaces the file at once, so that it is complete also after a crash.
func (follower *Follower) save(position Position) error {
	follower.position = &position
	text, err := json.Marshal(position)
	if err != nil {
		return err
	}
	if err := os.WriteFile(follower.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(follower.file+".new", follower.file)
}

// token lets this service subscribe to one channel.
func token(channel string) string {
	encode := base64.RawURLEncoding.EncodeToString
	claims, err := json.Marshal(map[string]any{
		"sub": "service:follower", "exp": time.Now().Add(24 * time.Hour).Unix(), "channels": []string{channel},
	})
	if err != nil {
		log.Fatal(err)
	}
	content := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims)
	signature := hmac.New(sha256.New, []byte(os.Getenv("HOLDFAST_JWT_SECRET")))
	signature.Write([]byte(content))
	return content + "." + encode(signature.Sum(nil))
}

func or(variable, otherwise string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return otherwise
}

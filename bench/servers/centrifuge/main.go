// A minimal server with the library that is the engine of Centrifugo, and Holdfast's default features: tokens are
// verified, channels have positions, history and recovery, metrics are enabled, and an HTTP API publishes.
package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Like the gateway's defaults.
const (
	historySize = 100
	historyTTL  = 5 * time.Minute
	metaTTL     = 7 * 24 * time.Hour
)

// A limit per connection in this engine; its default is 128 channels.
const maxChannels = 1_000

func main() {
	node, err := centrifuge.New(centrifuge.Config{ClientChannelLimit: maxChannels})
	check(err)

	// Its own option for merging writes, off by default: all waiting messages go into one frame.
	var merging struct {
		delay       time.Duration
		maxMessages int
	}
	if text := os.Getenv("BENCH_WRITE_DELAY"); text != "" {
		merging.delay, err = time.ParseDuration(text)
		check(err)
		merging.maxMessages = -1
	}

	key := []byte(os.Getenv("BENCH_JWT_SECRET"))
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	node.OnConnecting(func(_ context.Context, event centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		claims := jwt.RegisteredClaims{}
		if _, err := parser.ParseWithClaims(event.Token, &claims, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
		}
		return centrifuge.ConnectReply{
			Credentials: &centrifuge.Credentials{UserID: claims.Subject, ExpireAt: claims.ExpiresAt.Unix()},
			// The client sends another token, like with Centrifugo.
			ClientSideRefresh:  true,
			WriteDelay:         merging.delay,
			MaxMessagesInFrame: merging.maxMessages,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{
				EnablePositioning: true,
				EnableRecovery:    true,
				RecoveryMode:      centrifuge.RecoveryModeStream,
			}}, nil)
		})
		client.OnPublish(func(_ centrifuge.PublishEvent, done centrifuge.PublishCallback) {
			done(centrifuge.PublishReply{Options: centrifuge.PublishOptions{
				HistorySize: historySize, HistoryTTL: historyTTL, HistoryMetaTTL: metaTTL,
			}}, nil)
		})
	})
	check(node.Run())

	websocket := centrifuge.WebsocketConfig{}
	// permessage-deflate, off by default, with its option to compress a message once for all clients.
	if text := os.Getenv("BENCH_COMPRESS_FROM"); text != "" {
		websocket.Compression = true
		// The level of zlib's default. This library's own, 0, stores.
		websocket.CompressionLevel = 6
		websocket.CompressionMinSize, err = strconv.Atoi(text)
		check(err)
		websocket.CompressionPreparedMessageCacheSize = 1 << 20
	}
	http.Handle("/ws", centrifuge.NewWebsocketHandler(node, websocket))
	http.Handle("/metrics", promhttp.Handler())
	api := &api{node: node, key: []byte(os.Getenv("BENCH_API_KEY"))}
	http.HandleFunc("POST /api/publish", api.publish)
	http.HandleFunc("POST /api/batch", api.batch)
	check(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

// The publish method of Centrifugo's HTTP API.
type api struct {
	node *centrifuge.Node
	key  []byte
}

type publication struct {
	Channel        string          `json:"channel"`
	Data           json.RawMessage `json:"data"`
	IdempotencyKey string          `json:"idempotency_key"`
}

type position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

type apiError struct {
	Code    uint32 `json:"code"`
	Message string `json:"message"`
}

type reply struct {
	Error  *apiError `json:"error,omitempty"`
	Result *position `json:"result,omitempty"`
}

type batchRequest struct {
	Commands []struct {
		Publish publication `json:"publish"`
	} `json:"commands"`
}

type batchReply struct {
	Publish reply `json:"publish"`
}

func (a *api) publish(response http.ResponseWriter, request *http.Request) {
	var body publication
	if !a.read(response, request, &body) {
		return
	}
	answer(response, a.store(body))
}

func (a *api) batch(response http.ResponseWriter, request *http.Request) {
	var body batchRequest
	if !a.read(response, request, &body) {
		return
	}
	replies := make([]batchReply, len(body.Commands))
	for i, command := range body.Commands {
		replies[i].Publish = a.store(command.Publish)
	}
	answer(response, map[string]any{"replies": replies})
}

func (a *api) store(body publication) reply {
	if body.Channel == "" || len(body.Data) == 0 {
		return reply{Error: &apiError{Code: 107, Message: "bad request"}}
	}
	options := []centrifuge.PublishOption{centrifuge.WithHistory(historySize, historyTTL, metaTTL)}
	if body.IdempotencyKey != "" {
		options = append(options, centrifuge.WithIdempotencyKey(body.IdempotencyKey))
	}
	result, err := a.node.Publish(body.Channel, body.Data, options...)
	if err != nil {
		return reply{Error: &apiError{Code: 100, Message: "internal server error"}}
	}
	return reply{Result: &position{Offset: result.Offset, Epoch: result.Epoch}}
}

func (a *api) read(response http.ResponseWriter, request *http.Request, body any) bool {
	if subtle.ConstantTimeCompare([]byte(request.Header.Get("X-API-Key")), a.key) != 1 {
		http.Error(response, "unauthorized", http.StatusUnauthorized)
		return false
	}
	if err := json.NewDecoder(http.MaxBytesReader(response, request.Body, 1<<20)).Decode(body); err != nil {
		http.Error(response, "bad request", http.StatusBadRequest)
		return false
	}
	return true
}

func answer(response http.ResponseWriter, body any) {
	response.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(response).Encode(body); err != nil {
		log.Print(err)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

package lambda

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Lambda ends a function by SIGKILL, unless an extension is registered: then SIGTERM comes first. So there is one, in this
// process, that does nothing (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html). It is
// registered while models are read, since that is a trip and a connection.

// Register makes the extension at the Runtime API of an address, and returns what waits until it is registered. Then,
// as it must, it waits for events of which there are none, until ctx ends.
func Register(ctx context.Context, api string) (registered func() error) {
	result := make(chan error, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{}} // no proxy stands between
		defer client.CloseIdleConnections()
		id, err := register(ctx, client, api)
		result <- err
		if err == nil {
			waitForEvents(ctx, client, api, id)
		}
	}()
	return func() error { return <-result }
}

const (
	extensions   = "/2020-01-01/extension/"
	registerTime = 2 * time.Second
)

func register(ctx context.Context, client *http.Client, api string) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+extensions+"register", strings.NewReader(`{"events":[]}`))
	if err != nil {
		return "", err
	}
	r.Header.Set("Lambda-Extension-Name", "besra")
	answer, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // it is of no use
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the extensions API answers %s", answer.Status)
	}
	return answer.Header.Get("Lambda-Extension-Identifier"), nil
}

func waitForEvents(ctx context.Context, client *http.Client, api, id string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+api+extensions+"event/next", nil)
	if err != nil {
		return
	}
	r.Header.Set("Lambda-Extension-Identifier", id)
	if answer, err := client.Do(r); err == nil {
		_ = answer.Body.Close()
	}
}

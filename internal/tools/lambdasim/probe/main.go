// Command probe is a bootstrap for the tests of lambdasim, which does what it is told.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// An order is an event: the first that is set is done.
type order struct {
	Echo   json.RawMessage `json:"echo"`
	Sleep  string          `json:"sleep"`  // for this time
	Print  []string        `json:"print"`  // these lines
	Exit   *int            `json:"exit"`   // with this code
	Fail   string          `json:"fail"`   // with this error
	Panic  string          `json:"panic"`  // with this
	Bytes  int             `json:"bytes"`  // answer so many
	Spawn  bool            `json:"spawn"`  // a child that outlives it
	Packet string          `json:"packet"` // to the X-Ray daemon
	Leave  string          `json:"leave"`  // end this time later, without a word
}

type answer struct {
	Echo      json.RawMessage `json:"echo,omitempty"`
	Count     int64           `json:"count"` // of invocations
	Ticks     int64           `json:"ticks"`
	Deadline  int64           `json:"deadline"` // ms from now
	RequestID string          `json:"request_id"`
	ARN       string          `json:"arn"`
	Trace     string          `json:"trace"`
	Client    string          `json:"client"`
	Variables []string        `json:"variables"`
	Directory string          `json:"directory"`
	Text      string          `json:"text,omitempty"`
}

func main() {
	switch mode := os.Getenv("PROBE_INIT"); {
	case mode == "exit":
		fmt.Println("cannot start")
		os.Exit(7)
	case mode == "once": // the first process of an environment ends
		mark := os.TempDir() + "/tried"
		if _, err := os.Stat(mark); err != nil {
			_ = os.WriteFile(mark, nil, 0o600)
			os.Exit(7)
		}
	case mode == "hang":
		select {}
	case mode == "refuse":
		resp, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", "application/json", //nolint:noctx // a probe
			strings.NewReader(`{"errorMessage":"no model","errorType":"Bundle.Missing"}`))
		if err == nil {
			_ = resp.Body.Close()
		}
		os.Exit(1)
	case strings.HasPrefix(mode, "sleep "):
		d, _ := time.ParseDuration(mode[6:])
		time.Sleep(d)
	}
	go tick()
	var options []lambda.Option
	switch os.Getenv("PROBE_SIGTERM") {
	case "say":
		options = append(options, lambda.WithEnableSIGTERM(func() { fmt.Println("SIGTERM came"); os.Exit(0) }))
	case "ignore":
		options = append(options, lambda.WithEnableSIGTERM(func() { fmt.Println("SIGTERM came") }))
	}
	lambda.StartWithOptions(handle, options...)
}

var count, ticks atomic.Int64

func tick() {
	for range time.Tick(time.Millisecond) {
		ticks.Add(1)
	}
}

func handle(ctx context.Context, o order) (any, error) {
	n := count.Add(1)
	for _, line := range o.Print {
		fmt.Println(line)
	}
	switch {
	case o.Sleep != "":
		d, err := time.ParseDuration(o.Sleep)
		if err != nil {
			return nil, err
		}
		time.Sleep(d)
	case o.Exit != nil:
		os.Exit(*o.Exit)
	case o.Fail != "":
		return nil, errors.New(o.Fail)
	case o.Panic != "":
		panic(o.Panic)
	case o.Bytes > 0:
		return bytesOf(o.Bytes), nil
	case o.Spawn:
		child := exec.Command("sleep", "600") //nolint:noctx // it is to outlive its parent
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			return nil, err
		}
		return map[string]int{"pid": child.Process.Pid}, nil
	case o.Packet != "":
		conn, err := net.Dial("udp", os.Getenv("AWS_XRAY_DAEMON_ADDRESS")) //nolint:noctx // a probe
		if err != nil {
			return nil, err
		}
		_, err = io.WriteString(conn, o.Packet)
		return "sent", errors.Join(err, conn.Close())
	}
	if o.Leave != "" {
		d, err := time.ParseDuration(o.Leave)
		if err != nil {
			return nil, err
		}
		time.AfterFunc(d, func() { os.Exit(9) })
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	trace, _ := ctx.Value("x-amzn-trace-id").(string)
	dir, _ := os.Getwd()
	return answer{
		Echo: o.Echo, Count: n, Ticks: ticks.Load(), Deadline: time.Until(deadline).Milliseconds(), RequestID: lc.AwsRequestID,
		ARN: lc.InvokedFunctionArn, Trace: trace, Client: lc.ClientContext.Client.AppTitle, Variables: os.Environ(), Directory: dir,
	}, nil
}

// bytesOf returns a document of so many bytes.
func bytesOf(n int) json.RawMessage {
	b := bytes.Repeat([]byte("x"), n)
	b[0], b[n-1] = '"', '"'
	return b
}

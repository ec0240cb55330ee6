package lambdasim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// Options describe a version of a function, as one configures it in AWS, and how true to AWS it is to be. Bootstrap is
// needed.
type Options struct {
	Name    string // default: besra
	Version string // "": $LATEST, or 1 with provisioned concurrency, which only versions can have
	Alias   string // of the ARN that callers use and functions see; "": none

	Bootstrap string            // path of the program
	TaskRoot  string            // directory of what was deployed; "": where Bootstrap lies
	Handler   string            // "": bootstrap
	Variables map[string]string // environment variables that the function is configured with
	JSONLogs  bool              // JSON log format instead of text

	Memory  int           // MB; 0: 512
	Timeout time.Duration // of an invocation; 0: 3 s, Lambda's default
	Traced  bool          // X-Ray active tracing: what comes without a decision is sampled. Else nothing is

	Region  string // "": us-east-1
	Account string // "": 123456789012

	Limits      scaling.Limits // quotas, rates and idle time; its zero value is scaling.Defaults()
	Concurrency int            // requests at once in an environment, AWS_LAMBDA_MAX_CONCURRENCY; 0: one

	Placement time.Duration // that a cold start takes before INIT: finding a place, downloading the code
	Freeze    bool          // environments are stopped between requests, where the system can
	InitLimit time.Duration // of INIT; 0: 10 s on demand, 15 min with provisioned concurrency

	Logs    *Logs    // nil: own ones
	Metrics *Metrics // nil: own ones
	Traces  *Traces  // where AWS_XRAY_DAEMON_ADDRESS leads to; nil: nowhere

	TempDir string // for the directories that stand for /tmp; "": the system's
}

// What Lambda sets by itself, and its limits.
const (
	defaultMemory  = 512
	defaultTimeout = 3 * time.Second
	maxTimeout     = 15 * time.Minute
	initLimit      = 10 * time.Second
	initLimitReady = 15 * time.Minute

	// MaxPayload is the most bytes of a request, and MaxAnswer of an answer.
	MaxPayload = 6 << 20
	MaxAnswer  = 6_291_556

	variablesLimit = 4 << 10 // bytes of all configured variables
)

// complete fills in defaults and refuses what Lambda would.
func (o Options) complete() (Options, error) {
	if o.Name == "" {
		o.Name = "besra"
	}
	if o.Limits == (scaling.Limits{}) {
		o.Limits = scaling.Defaults()
	}
	switch {
	case o.Version == "" && o.Limits.Provisioned > 0:
		o.Version = "1"
	case o.Version == "":
		o.Version = "$LATEST"
	case o.Version == "$LATEST" && o.Limits.Provisioned > 0:
		return o, errors.New("provisioned concurrency is for versions, not for $LATEST")
	}
	if o.Bootstrap == "" {
		return o, errors.New("no bootstrap")
	}
	var err error
	if o.Bootstrap, err = filepath.Abs(o.Bootstrap); err != nil {
		return o, err
	}
	if o.TaskRoot == "" {
		o.TaskRoot = filepath.Dir(o.Bootstrap)
	}
	if o.TaskRoot, err = filepath.Abs(o.TaskRoot); err != nil {
		return o, err
	}
	if info, err := os.Stat(o.TaskRoot); err != nil || !info.IsDir() {
		return o, fmt.Errorf("task root %s is no directory", o.TaskRoot)
	}
	if o.Handler == "" {
		o.Handler = "bootstrap"
	}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Logs == nil {
		o.Logs = NewLogs(0)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	return o, o.check()
}

func (o Options) check() error {
	size := 0
	for name, value := range o.Variables {
		size += len(name) + len(value)
		if isReserved(name) {
			return fmt.Errorf("%s is a variable that Lambda sets", name)
		}
	}
	switch {
	case o.Memory < 128 || o.Memory > 10240:
		return fmt.Errorf("memory of %d MB: Lambda has 128 to 10240", o.Memory)
	case o.Timeout < 0 || o.Timeout > maxTimeout:
		return fmt.Errorf("timeout of %v: Lambda has up to %v", o.Timeout, maxTimeout)
	case o.Concurrency < 0, o.Placement < 0, o.InitLimit < 0:
		return errors.New("a number is negative")
	case o.Concurrency > 1 && o.Freeze:
		return errors.New("environments that serve many requests at once are never frozen")
	case o.Freeze && !canFreeze:
		return errors.New("processes cannot be frozen on this system")
	case size > variablesLimit:
		return fmt.Errorf("variables of %d bytes: Lambda takes %d", size, variablesLimit)
	}
	return nil
}

// slots returns how many requests an environment serves at once.
func (o *Options) slots() int { return max(1, o.Concurrency) }

// initLimit returns how long INIT may take.
func (o *Options) initLimit(provisioned bool) time.Duration {
	switch {
	case o.InitLimit > 0:
		return o.InitLimit
	case provisioned:
		return initLimitReady
	}
	return initLimit
}

// arn returns the function's name as callers use it.
func (o *Options) arn() string {
	arn := "arn:aws:lambda:" + o.Region + ":" + o.Account + ":function:" + o.Name
	switch {
	case o.Alias != "":
		return arn + ":" + o.Alias
	case o.Version != "$LATEST":
		return arn + ":" + o.Version
	}
	return arn
}

package lambdasim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// reserved are the variables that no function can be configured with.
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_XRAY_DAEMON_ADDRESS",
}

func isReserved(name string) bool {
	return slices.Contains(reserved, name) || strings.HasPrefix(name, "AWS_LAMBDA_")
}

// variables are all that an environment sees: what Lambda sets, and what the function is configured with. Nothing of
// this process's own is among them.
func (e *environment) variables(api string) []string {
	o := &e.function.options
	initialization := "on-demand"
	if e.provisioned {
		initialization = "provisioned-concurrency"
	}
	v := []string{
		"_HANDLER=" + o.Handler,
		"AWS_REGION=" + o.Region,
		"AWS_DEFAULT_REGION=" + o.Region,
		"AWS_LAMBDA_FUNCTION_NAME=" + o.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(o.Memory),
		"AWS_LAMBDA_FUNCTION_VERSION=" + o.Version,
		"AWS_LAMBDA_INITIALIZATION_TYPE=" + initialization,
		"AWS_LAMBDA_LOG_GROUP_NAME=" + o.logGroup(),
		"AWS_LAMBDA_LOG_STREAM_NAME=" + e.stream,
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_ACCESS_KEY_ID=ASIALAMBDASIMULATION",
		"AWS_SECRET_ACCESS_KEY=a-secret-that-opens-nothing",
		"AWS_SESSION_TOKEN=a-token-that-opens-nothing",
		"LAMBDA_TASK_ROOT=" + o.TaskRoot,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:" + o.TaskRoot + ":" + o.TaskRoot + "/lib:/opt/lib",
		"TZ=:UTC",
		"TMPDIR=" + e.tmp, // Lambda has /tmp, which here is everybody's
	}
	if o.JSONLogs {
		v = append(v, "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=INFO")
	} else {
		v = append(v, "AWS_LAMBDA_LOG_FORMAT=Text")
	}
	if o.Concurrency > 1 {
		v = append(v, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(o.Concurrency))
	}
	if o.Traces != nil {
		v = append(v, "AWS_XRAY_CONTEXT_MISSING=LOG_ERROR", "AWS_XRAY_DAEMON_ADDRESS="+o.Traces.Address())
	}
	v = slices.DeleteFunc(v, func(line string) bool { // PATH, TZ and others are for the function to change
		name, _, _ := strings.Cut(line, "=")
		_, own := o.Variables[name]
		return own
	})
	for _, name := range slices.Sorted(maps.Keys(o.Variables)) {
		v = append(v, name+"="+o.Variables[name])
	}
	return v
}

func (o *Options) logGroup() string { return "/aws/lambda/" + o.Name }

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/mirror"
)

func modelsVerb() *verb {
	return &verb{
		name: "models", args: "list | use|load|unload NAME@VERSION", short: "shows which versions there are, and changes which are live",
		long: `
It talks to a running besra at admin.listen, or at --admin. A key is taken from --key-file or from
BESRA_KEY; it is sent in the clear to this machine alone, and to others over https. A version that is made live stays so after the next start when it comes from a directory
of models: <dir>/<name>/live pins it. With --offline the pin is written without a server.

  besra models list                              every version, and what became of it
  besra models use fraud@3                       makes version 3 the live one, at once
  besra models unload fraud@2                    takes a version that is not live out of service
  besra models load fraud@2                      takes it in again; or tries a refused one again, and says why
  besra models use fraud@3 --offline --models-dir models`,
		run: runModels,
	}
}

// modelsFlags are the flags of besra models.
type modelsFlags struct {
	settings       *settingFlags
	admin, keyFile string
	offline, json  bool
}

func runModels(ctx context.Context, e *environ, v *verb, args []string) error {
	fs := v.flags()
	f := modelsFlags{settings: addSettings(fs, app.Defaults())}
	fs.StringVar(&f.admin, "admin", "", "talk to besra at this `address` or URL (default admin.listen)")
	fs.StringVar(&f.keyFile, "key-file", "", "`file` of the key to show (default: BESRA_KEY)")
	fs.BoolVar(&f.offline, "offline", false, "use: write the pin into models.dir without a server")
	fs.BoolVar(&f.json, "json", false, "write the answer as it comes, JSON")
	rest, err := v.parse(e, fs, args)
	if err != nil {
		return err
	}
	subs := []string{"list", "use", "load", "unload"}
	switch {
	case len(rest) == 0:
		return usagef("say what to do: list, use, load or unload")
	case !slices.Contains(subs, rest[0]):
		return usagef("%q is none of list, use, load and unload%s", rest[0], didYouMean(rest[0], subs))
	case f.offline && rest[0] != "use":
		return usagef("--offline is for use")
	case rest[0] == "list" && len(rest) > 1:
		return usagef("unexpected argument %q", rest[1])
	}
	c, _, err := f.settings.load(e, app.Defaults())
	if err != nil {
		return err
	}
	if rest[0] == "list" {
		return listModels(ctx, e, &f, c)
	}
	if len(rest) != 2 {
		return usagef("say which version: %s fraud@3", rest[0])
	}
	name, version, err := parseVersion(rest[1])
	if err != nil {
		return err
	}
	if f.offline {
		return pinOffline(e, c, name, version)
	}
	return changeModels(ctx, e, &f, c, rest[0], name, version)
}

// parseVersion reads name@version.
func parseVersion(text string) (name string, version int, err error) {
	name, number, ok := strings.Cut(text, "@")
	version, err = strconv.Atoi(number)
	if !ok || err != nil || version < 0 || !bundle.IsName(name) {
		return "", 0, usagef("%.80q: want a model and its version, such as fraud@3", text)
	}
	return name, version, nil
}

func pinOffline(e *environ, c app.Config, name string, version int) error {
	if c.Models.Dir == "" {
		return errors.New("say where the models are: --models-dir DIR")
	}
	if mirror.IsAddress(c.Models.Dir) {
		return fmt.Errorf("%s: a pin there is an object: echo %d | aws s3 cp - %[1]s/%[3]s/live", strings.TrimRight(c.Models.Dir, "/"), version, name)
	}
	if err := app.WritePin(c.Models.Dir, name, version); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.stdout, "%s@%d is pinned in %s\n", name, version, c.Models.Dir)
	return err
}

func listModels(ctx context.Context, e *environ, f *modelsFlags, c app.Config) error {
	body, err := f.ask(ctx, e, c, http.MethodGet, "", nil)
	if err != nil {
		return err
	}
	if f.json {
		_, err := fmt.Fprintf(e.stdout, "%s\n", body)
		return err
	}
	var list struct {
		Models []struct {
			Name    string `json:"name"`
			Version int    `json:"version"`
			State   string `json:"state"`
			Proven  bool   `json:"proven"`
			Reason  string `json:"reason"`
			Why     string `json:"why"`
		} `json:"models"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("the answer is not that of besra: %w", err)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tVERSION\tSTATE\tPROVEN\tWHY")
	for _, m := range list.Models {
		why := m.Why
		if m.Reason != "" {
			why = m.Reason + ": " + m.Why
		}
		proven := "no"
		if m.Proven {
			proven = "yes"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", m.Name, m.Version, m.State, proven, why)
	}
	return w.Flush()
}

func changeModels(ctx context.Context, e *environ, f *modelsFlags, c app.Config, verb, name string, version int) error {
	body, err := f.ask(ctx, e, c, http.MethodPost, "/"+name+":"+verb, fmt.Appendf(nil, `{"version":%d}`, version))
	if err != nil {
		return err
	}
	if f.json {
		_, err := fmt.Fprintf(e.stdout, "%s\n", body)
		return err
	}
	var change struct {
		Before    *int `json:"before"`
		Live      *int `json:"live"`
		Persisted bool `json:"persisted"`
	}
	if err := json.Unmarshal(body, &change); err != nil {
		return fmt.Errorf("the answer is not that of besra: %w", err)
	}
	text := fmt.Sprintf("%s@%d: %sed", name, version, verb)
	if verb == "use" {
		text = fmt.Sprintf("%s@%d is live", name, version)
		if change.Before != nil && *change.Before != version {
			text += fmt.Sprintf("; before it was version %d", *change.Before)
		}
		if !change.Persisted {
			text += "; until besra starts again, as it is from no directory of models"
		}
	}
	_, err = fmt.Fprintln(e.stdout, text)
	return err
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// ask sends a request to the admin listener and returns the answer's body.
func (f *modelsFlags) ask(ctx context.Context, e *environ, c app.Config, method, path string, body []byte) ([]byte, error) {
	at, err := adminURL(cmp.Or(f.admin, c.Admin.Listen), c.TLS.Cert != "")
	if err != nil {
		return nil, err
	}
	base := at.String()
	key, err := f.key(e)
	if err != nil {
		return nil, err
	}
	if key != "" && at.Scheme != "https" && !isLoopback(at.Hostname()) {
		return nil, fmt.Errorf("%s: a key is sent in the clear to this machine alone; say --admin https://%s, or 127.0.0.1 when besra runs here", base, at.Host)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // a large model takes its time to be read
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, base+"/admin/v1/models"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // besra sends nobody on
	answer, err := client.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%s: nobody listens there; is besra running, and is this its admin.listen? (--admin ADDRESS says another, --offline pins without it)", base)
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = asked(base, answer.Status, data)
	}
	return data, err
}

// adminURL returns where besra serves operators, without a slash at its end. An address that is not on loopback is one of
// https when besra has a certificate, as it is for the server.
func adminURL(text string, encrypted bool) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("say where besra is: --admin ADDRESS, or admin.listen")
	}
	full := text
	if !strings.Contains(text, "://") {
		full = "http://" + text
	}
	u, err := url.Parse(full)
	switch {
	case err == nil && u.User != nil:
		return nil, usagef("--admin: want no name or password in it; a key is BESRA_KEY, or --key-file FILE")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
		return nil, usagef("--admin %.100q: want an address such as 127.0.0.1:8082", text)
	}
	if full != text && encrypted && !isLoopback(u.Hostname()) {
		u.Scheme = "https"
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), ""
	return u, nil
}

// isLoopback reports whether a host is surely this machine.
func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// asked returns why a request was refused.
func asked(base, status string, body []byte) error {
	var p struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
		Title  string `json:"title"`
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		return fmt.Errorf("%s: %s; is this besra's admin.listen?", base, status)
	}
	if p.Code == "unauthenticated" {
		return fmt.Errorf("%s: %s; show a key: BESRA_KEY, or --key-file FILE", p.Code, cmp.Or(p.Detail, p.Title))
	}
	return fmt.Errorf("%s: %s", p.Code, cmp.Or(p.Detail, p.Title))
}

// key returns the key to show; "": none.
func (f *modelsFlags) key(e *environ) (string, error) {
	if f.keyFile == "" {
		return strings.TrimSpace(e.getenv("BESRA_KEY")), nil
	}
	data, err := os.ReadFile(f.keyFile)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(data))
	if key == "" || len(key) > 16<<10 || strings.ContainsAny(key, " \n\r\t") {
		return "", fmt.Errorf("%s: want a key, alone", f.keyFile)
	}
	return key, nil
}

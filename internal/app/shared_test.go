package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// entityKey makes a file of a key of hashes.
func entityKey(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "entity.key")
	if err := os.WriteFile(file, []byte(strings.Repeat("5a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// sharing are settings of a process that shares a server's memory.
func sharing(address, key string) func(*Config) {
	return func(c *Config) {
		c.Valkey.Address, c.State.EntityKeyFile, c.Valkey.Deadline = address, key, time.Second
	}
}

const sharedPayment = `{"event_id":"%s","event":{"time":"2026-11-27T00:00:%02dZ","card":"c_1","terminal":"t_1","amount":129.9}}`

func TestProcessesShareRatesAndQuotas(t *testing.T) {
	at, hashes := valkeytest.Start(t).Addr(), entityKey(t)
	first := guard(t, sharing(at, hashes))
	rated, _ := first.create(t, auth.Entry{Name: "rated", Scopes: identity.Score, Limits: identity.Limits{Rate: 100, Burst: 100}})
	metered, _ := first.create(t, auth.Entry{Name: "metered", Scopes: identity.Score, Limits: identity.Limits{Quota: identity.Quota{Requests: 300, Per: identity.Month}}})
	second := start(t, func(c *Config) {
		sharing(at, hashes)(c)
		c.Auth.Keys, c.Models.Poll = first.file.Path, 20*time.Millisecond
	})
	both := []*server{first.server, second}
	eventually(t, "each knows of the other", func() bool {
		return first.access.shared.Stats().Peers == 2 && second.access.shared.Stats().Peers == 2
	})
	for name, c := range map[string]struct {
		key  string
		most func(took time.Duration) float64
		code string
	}{
		"a rate":  {rated, func(took time.Duration) float64 { return 100 + 100*took.Seconds() + 2*64 }, "rate-limited"},
		"a quota": {metered, func(time.Duration) float64 { return 300 + 32 }, "quota-exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			var in, out atomic.Int64
			begun := time.Now()
			var team sync.WaitGroup
			for k := range 8 {
				team.Go(func() {
					for range 150 {
						status, header, body := both[k%2].ask(http.MethodPost, "/v1/score", `{"row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,0]}`,
							"X-API-Key", c.key)
						switch {
						case status == http.StatusOK:
							in.Add(1)
						case status == http.StatusTooManyRequests && strings.Contains(body, c.code) && header.Get("Retry-After") != "":
							out.Add(1)
						default:
							t.Errorf("%d %s", status, body)
							return
						}
					}
				})
			}
			team.Wait()
			if most := c.most(time.Since(begun)); float64(in.Load()) > most || in.Load() < 100 || out.Load() == 0 {
				t.Errorf("%d were let in, %d were not; want at most %.0f", in.Load(), out.Load(), most)
			}
		})
	}
}

func TestAStoreWithTLSAndUsers(t *testing.T) {
	s := valkeytest.Start(t, valkeytest.TLS(), valkeytest.Login("operator", "root"), valkeytest.Users(
		"user operator on >root ~* &* +@all", "user default off",
		"user besra on >pw-one "+documentedACL(t)))
	password := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(password, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("pw-one")
	hashes := entityKey(t)
	a := start(t, func(c *Config) {
		sharing(s.Addr(), hashes)(c)
		c.Valkey.TLS, c.Valkey.CA, c.Valkey.User, c.Valkey.PasswordFile = true, s.CAFile(), "besra", password
	})
	ask := func(id string) string {
		status, body := a.post("/v1/score", fmt.Sprintf(sharedPayment, id, 1))
		if status != http.StatusOK {
			t.Fatal(status, body)
		}
		return body
	}
	if body := ask("e1"); strings.Contains(body, "degraded") {
		t.Fatal(body)
	}
	// The password is changed, and all connections end.
	s.Must("ACL", "SETUSER", "besra", "resetpass", ">pw-two")
	s.Must("CLIENT", "KILL", "USER", "besra")
	eventually(t, "the old password is refused", func() bool { return strings.Contains(ask("e2"), "degraded") })
	write("pw-two")
	eventually(t, "the new password is taken", func() bool { return !strings.Contains(ask("e3"), "degraded") })
	if status, body := a.get("/metrics"); status != http.StatusOK || strings.Contains(body, "pw-") {
		t.Error(status)
	}
}

// documentedACL is what docs/valkey.md says that a user may do.
func documentedACL(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/valkey.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\nuser besra on >… ")
	rules, _, ended := strings.Cut(rest, "\n")
	if !found || !ended {
		t.Fatal("docs/valkey.md has no user")
	}
	return rules
}

func TestPoliciesOfAnOutage(t *testing.T) {
	const anonymous = `{"event":{"time":"2026-11-27T00:00:01Z","card":"c_1","terminal":"t_1","amount":129.9}}`
	for name, c := range map[string]struct {
		state, replay                   string
		withID, without, row, rowWithID int
	}{
		"degrade and open":   {"degrade", "open", 200, 200, 200, 200},
		"degrade and closed": {"degrade", "closed", 503, 200, 200, 503},
		"refuse and open":    {"refuse", "open", 503, 503, 200, 503},
		"refuse and closed":  {"refuse", "closed", 503, 503, 200, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t)
			hashes := entityKey(t)
			s := start(t, func(config *Config) {
				sharing(server.Addr(), hashes)(config)
				config.State.OnOutage, config.Replay.OnOutage = c.state, c.replay
			})
			first := fmt.Sprintf(sharedPayment, "e1", 1)
			_, whole := s.post("/v1/score", first)
			server.Kill()
			const row = `"row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,0]`
			for body, want := range map[string]int{
				fmt.Sprintf(sharedPayment, "e2", 2): c.withID, anonymous: c.without,
				"{" + row + "}": c.row, `{"event_id":"r",` + row + "}": c.rowWithID,
			} {
				status, header, answer := s.ask(http.MethodPost, "/v1/score", body)
				if status != want {
					t.Errorf("%s: %d %s, want %d", body, status, answer, want)
				}
				if status == 503 && (!strings.Contains(answer, "not-ready") || header.Get("Retry-After") == "") {
					t.Errorf("%s, Retry-After %q", answer, header.Get("Retry-After"))
				}
				if isEvent := strings.Contains(body, `"event":`); status == 200 && isEvent != strings.Contains(answer, `"degraded":true`) {
					t.Errorf("%s: %s", body, answer)
				}
			}
			if status, _ := s.get("/readyz"); status != 200 {
				t.Errorf("/readyz is %d", status)
			}
			var told struct {
				Store struct {
					Up     bool
					Why    string
					Losses int
				}
			}
			status := func() bool {
				_, body := s.get("/v1/status")
				if err := json.Unmarshal([]byte(body), &told); err != nil {
					t.Fatal(err, body)
				}
				return told.Store.Up
			}
			eventually(t, "the status says that it is down", func() bool { return !status() && told.Store.Why != "" })
			server.Restart()
			eventually(t, "the status says that it is up", status)
			if told.Store.Losses != 1 {
				t.Errorf("%d losses", told.Store.Losses)
			}
			// What was remembered is gone, and said to be.
			eventually(t, "windows are said to be short", func() bool {
				_, body := s.post("/v1/score", `{"dry_run":true,"event":{"time":"2026-11-27T00:00:03Z","card":"c_1","terminal":"t_1","amount":129.9}}`)
				return strings.Contains(body, "short-history")
			})
			if _, again := s.post("/v1/score", first); again == whole {
				t.Error("an answer that was lost was given again, without a word about its history")
			}
		})
	}
}

func TestSettingsOfASharedStoreThatMakeNoSense(t *testing.T) {
	hashes := entityKey(t)
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no key of hashes":                 {func(c *Config) { c.State.EntityKeyFile = "" }, "state.entity_key_file"},
		"an address without a port":        {func(c *Config) { c.Valkey.Address = "localhost" }, "valkey.address"},
		"IAM and a password":               {func(c *Config) { c.Valkey.IAM.Cache, c.Valkey.PasswordFile = "besra", hashes }, "valkey.password_file"},
		"IAM without TLS":                  {func(c *Config) { c.Valkey.IAM.Cache = "besra" }, "valkey.tls"},
		"a user without a password":        {func(c *Config) { c.Valkey.User = "besra" }, "valkey.user"},
		"a password that is not there":     {func(c *Config) { c.Valkey.PasswordFile = hashes + "x" }, "valkey.password_file"},
		"authorities without TLS":          {func(c *Config) { c.Valkey.CA = hashes }, "valkey.ca"},
		"authorities that are none":        {func(c *Config) { c.Valkey.TLS, c.Valkey.CA = true, hashes }, "valkey.ca"},
		"a memo that is too small":         {func(c *Config) { c.Memo.Bytes = 1 }, "memo.bytes"},
		"a prefix that others could be in": {func(c *Config) { c.Valkey.Prefix = "a{b}" }, "valkey.prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			config := Defaults()
			sharing("127.0.0.1:1", hashes)(&config)
			c.change(&config)
			_, err := New(config, testBackends(), nil, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want one about %s", err, c.want)
			}
		})
	}
}

// What docs/valkey.md and the stack for AWS let a user do is all that besra asks for, also of a cluster.
func TestWhatIsDocumentedIsAllThatAUserNeeds(t *testing.T) {
	users := []valkeytest.Option{valkeytest.Login("operator", "root"), valkeytest.Users(
		"user operator on >root ~* &* +@all", "user default off", "user besra on >pw "+documentedACL(t))}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("pw"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, servers := range map[string]func() []*valkeytest.Server{
		"a server":  func() []*valkeytest.Server { return []*valkeytest.Server{valkeytest.Start(t, users...)} },
		"a cluster": func() []*valkeytest.Server { return valkeytest.StartCluster(t, 3, 0, users...).Servers() },
	} {
		t.Run(name, func(t *testing.T) {
			all := servers()
			s := guard(t, func(c *Config) {
				sharing(all[0].Addr(), entityKey(t))(c)
				c.Valkey.User, c.Valkey.PasswordFile, c.Memo.Shared = "besra", password, true
			})
			key, _ := s.create(t, auth.Entry{Name: "rated", Scopes: identity.All, Limits: identity.Limits{
				Rate: 1e6, Burst: 1e6, Quota: identity.Quota{Requests: 1e6, Per: identity.Month},
			}})
			ask := func(method, path, body string) string {
				t.Helper()
				status, _, answer := s.ask(method, path, body, "X-API-Key", key)
				if status != http.StatusOK || strings.Contains(answer, "degraded") {
					t.Errorf("%s: %d %s", path, status, answer)
				}
				return answer
			}
			for i := range 40 {
				id := fmt.Sprintf("e%d", i)
				body := fmt.Sprintf(sharedPayment, id, i)
				ask("POST", "/v1/score", body)
				ask("POST", "/v1/score", body) // a repeat
				ask("POST", "/v1/score", `{"row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,`+fmt.Sprint(i%3)+`]}`)
				ask("POST", "/v1/labels", `{"labels":[{"event_id":"`+id+`","label":"fraud","time":"2026-11-28T00:00:00Z"}]}`)
			}
			ask("POST", "/v1/score/batch", `{"events":[`+fmt.Sprintf(sharedPayment, "b1", 50)+`,`+fmt.Sprintf(sharedPayment, "b2", 51)+`]}`)
			time.Sleep(time.Second) // limits are told to others beside requests, twice a second or more
			for _, server := range all {
				if denied := server.Must("ACL", "LOG"); denied != "" {
					t.Errorf("the user was denied: %s", denied)
				}
				for line := range strings.Lines(server.Must("INFO", "errorstats")) {
					if strings.Contains(line, "NOPERM") {
						t.Error(line)
					}
				}
			}
		})
	}
	t.Run("and is what the stack for AWS gives", func(t *testing.T) {
		text, err := os.ReadFile("../../deploy/aws/template.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if rules := documentedACL(t); !strings.Contains(string(text), "AccessString: \"on "+rules+"\"") {
			t.Errorf("it is not %q", rules)
		}
	})
}

package auth

import (
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// A List is all entries, as besra keys list and operators' door show them.
type List struct {
	Keys []Listed `json:"keys"`
}

// A Listed is an entry as JSON shows it. There are no hashes in it.
type Listed struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Tenant      string         `json:"tenant,omitempty"`
	Scopes      []string       `json:"scopes"`
	Models      []string       `json:"models,omitempty"`
	Rate        float64        `json:"rate,omitempty"`
	Burst       int            `json:"burst,omitempty"`
	Concurrent  int            `json:"concurrent,omitempty"`
	Quota       string         `json:"quota,omitempty"`
	Priority    string         `json:"priority"`
	Created     time.Time      `json:"created"`
	Expires     time.Time      `json:"expires,omitzero"`
	Revoked     time.Time      `json:"revoked,omitzero"`
	State       State          `json:"state"`
	Secrets     []ListedSecret `json:"secrets,omitempty"`
	Certificate string         `json:"certificate,omitempty"`
}

// A ListedSecret is one of its secrets: since when, and until when.
type ListedSecret struct {
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
}

// ListOf returns the list of all entries as of now.
func ListOf(all []Entry, now time.Time) List {
	list := List{Keys: make([]Listed, len(all))}
	for i := range all {
		k := &all[i]
		one := Listed{
			ID: k.ID, Name: k.Name, Tenant: k.Tenant, Scopes: k.Scopes.Names(), Models: k.Models,
			Rate: k.Limits.Rate, Burst: k.Limits.Burst, Concurrent: k.Limits.Concurrent,
			Quota: k.Limits.Quota.String(), Priority: "interactive",
			Created: k.Created, Expires: k.Expires, Revoked: k.Revoked, State: k.State(now), Certificate: k.Certificate,
		}
		if k.Priority == identity.Batch {
			one.Priority = "batch"
		}
		for _, s := range k.Secrets {
			one.Secrets = append(one.Secrets, ListedSecret{s.Created, s.Expires})
		}
		list.Keys[i] = one
	}
	return list
}

// Package iam makes the passwords of caches in Amazon ElastiCache whose users prove by IAM who they are.
//
// Such a password is a token: a request that is signed as requests to AWS are (Signature Version 4), and never sent.
// A token opens connections for 15 minutes. What it opened stays open for 12 hours, and for 12 more after each AUTH
// with a new token (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html). A [Source] makes tokens,
// reuses them while they are young, and says when a connection is due for the next AUTH.
//
// Whose credentials sign is for the environment to say, as with AWS's own tools; internal/credentials has the list.
package iam

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/besra-ml/besra/internal/credentials"
)

// Options is what a [Source] is made of.
type Options struct {
	Region     string // of the cache; empty: what AWS_REGION says, or else AWS_DEFAULT_REGION
	Cache      string // name of the replication group or serverless cache, in any case; not its address
	User       string // of the cache; with IAM, the id and the name of a user are the same
	Serverless bool   // the cache is a serverless one

	Credentials aws.CredentialsProvider // sign the tokens; nil: those that the environment points to
	Now         func() time.Time        // nil: time.Now
}

// New returns a Source, or what is wrong with a setting. It asks nobody yet.
func New(o Options) (*Source, error) {
	o.Region = cmp.Or(o.Region, credentials.Region())
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Cache = strings.ToLower(o.Cache)
	switch {
	case o.Cache == "":
		return nil, errors.New("valkey.iam.cache is empty: IAM needs the name of the cache")
	case strings.ContainsAny(o.Cache, ".:"):
		return nil, fmt.Errorf("valkey.iam.cache is %.200q, which looks like an address: IAM needs the name of the cache", o.Cache)
	case !isName(o.Cache):
		return nil, fmt.Errorf("valkey.iam.cache is %.200q: the name of a cache has letters, digits and hyphens", o.Cache)
	case o.Region == "":
		return nil, errors.New("valkey.iam.region is empty, and so are AWS_REGION and AWS_DEFAULT_REGION")
	case !isName(o.Region) || strings.ToLower(o.Region) != o.Region:
		return nil, fmt.Errorf("valkey.iam.region is %.200q: want one such as us-east-1", o.Region)
	case o.User == "":
		return nil, errors.New("valkey.user is empty: IAM needs a user of the cache")
	case !isName(o.User):
		return nil, fmt.Errorf("valkey.user is %.200q: the id of a user has letters, digits and hyphens", o.User)
	}
	if o.Credentials == nil {
		var err error
		if o.Credentials, err = credentials.Find(o.Region); err != nil {
			return nil, err
		}
	}
	query := url.Values{"Action": {"connect"}, "User": {o.User}, "X-Amz-Expires": {strconv.Itoa(int(tokenLife / time.Second))}}
	if o.Serverless {
		query.Set("ResourceType", "ServerlessCache")
	}
	return &Source{
		region: o.Region, user: o.User, request: scheme + o.Cache + "/?" + query.Encode(),
		from: credentials.Keep(o.Credentials, o.Now), signer: v4.NewSigner(), now: o.Now, turn: make(chan struct{}, 1),
	}, nil
}

// isName reports whether s is letters, digits and hyphens, with a letter in front, as names in AWS are. They need no
// escapes in a URL.
func isName(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

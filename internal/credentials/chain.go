// Package credentials finds by whose keys requests to AWS are signed, as the environment says, and keeps them while they
// are good. It asks over plain HTTP, each answer bounded in size and each question in time.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// An origin is where credentials come from. Its errors begin with its name.
type origin struct {
	name string
	ask  func(context.Context) (aws.Credentials, error)
}

// Retrieve asks for credentials.
func (o origin) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := o.ask(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%s: %w", o.name, err)
	}
	c.Source = o.name
	return c, nil
}

// Find returns where the environment says that credentials are, in the order of AWS's own tools:
//
//	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN   keys, as in Lambda
//	AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN                     a service account's role in EKS
//	AWS_CONTAINER_CREDENTIALS_RELATIVE_URI                        a task's role in ECS
//	AWS_CONTAINER_CREDENTIALS_FULL_URI                            a pod's identity in EKS, and others
//	nothing                                                       the role of an EC2 instance
//
// The first that is there is the only one: what it refuses is not asked of the next. Files of profiles are not read, as
// they may lead to programs, browsers and further roles; a program that needs them hands in the SDK's own credentials.
//
// It asks nobody yet. The region is where STS is asked.
func Find(region string) (aws.CredentialsProvider, error) { return chain(region, ecsAddress) }

func chain(region, ecs string) (aws.CredentialsProvider, error) {
	switch id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"); {
	case id != "" && secret != "":
		return fixed(id, secret, os.Getenv("AWS_SESSION_TOKEN")), nil
	case id != "":
		return nil, errors.New("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY")
	case secret != "":
		return nil, errors.New("AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID")
	}
	if file := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); file != "" {
		return webIdentity(file, os.Getenv("AWS_ROLE_ARN"), region)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if os.Getenv(name) != "" {
			return nil, fmt.Errorf("%s is set, but profiles are not read: unset it, and put into the environment "+
				"what `aws configure export-credentials --format env` prints", name)
		}
	}
	if path := os.Getenv(relativeURI); path != "" {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("%s begins without a slash", relativeURI)
		}
		return container(relativeURI, ecs+path)
	}
	if full := os.Getenv(fullURI); full != "" {
		return container(fullURI, full)
	}
	const nothing = "none of AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, " + relativeURI + " and " + fullURI + " is set"
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return nil, errors.New("no credentials: " + nothing + ", and AWS_EC2_METADATA_DISABLED is")
	}
	return instance(nothing)
}

func fixed(id, secret, session string) origin {
	c := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: session}
	return origin{"AWS_ACCESS_KEY_ID", func(context.Context) (aws.Credentials, error) { return c, nil }}
}

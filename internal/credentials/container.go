package credentials

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	relativeURI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	fullURI     = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	ecsAddress  = "http://169.254.170.2"
)

// container returns the credentials of ECS tasks and of EKS pods, whose agent is asked at a URL.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func container(name, at string) (aws.CredentialsProvider, error) {
	u, err := url.Parse(at)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("%s is no URL", name) // which it is not told, as it may hold a secret
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLocal(u.Hostname())) {
		return nil, fmt.Errorf("%s is no https URL, and its host %.100q is neither this one nor the agent of ECS or EKS", name, u.Hostname())
	}
	given, file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"), os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	c := client(nil)
	return origin{name, func(ctx context.Context) (aws.Credentials, error) {
		secret := given
		if file != "" {
			var err error
			if secret, err = readFile(file); err != nil {
				return aws.Credentials{}, fmt.Errorf("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: %w", err)
			}
		}
		body, err := get(ctx, c, at, "Authorization", secret)
		if err != nil {
			return aws.Credentials{}, err
		}
		return readCredentials(body)
	}}, nil
}

// isLocal reports whether a host is this one, or one of the addresses under which agents of ECS and EKS are reached from
// their machine alone.
func isLocal(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	switch a.Unmap().String() {
	case "169.254.170.2", "169.254.170.23", "fd00:ec2::23":
		return true
	}
	return a.Unmap().IsLoopback()
}

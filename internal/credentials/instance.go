package credentials

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// instance returns the credentials of the EC2 instance's role, which its metadata service has, in version 2.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
func instance(why string) (aws.CredentialsProvider, error) {
	at := "http://169.254.169.254"
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "ipv6") {
		at = "http://[fd00:ec2::254]"
	}
	if given := os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"); given != "" {
		at = strings.TrimSuffix(given, "/")
	}
	if u, err := url.Parse(at); err != nil || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL")
	}
	c := client(nil)
	return origin{"the role of the EC2 instance, as " + why, func(ctx context.Context) (aws.Credentials, error) {
		session, err := openSession(ctx, c, at)
		if err != nil {
			return aws.Credentials{}, err
		}
		const roles, header = "/latest/meta-data/iam/security-credentials/", "X-Aws-Ec2-Metadata-Token"
		list, err := get(ctx, c, at+roles, header, session)
		if status, ok := errors.AsType[*statusError](err); ok && status.code == http.StatusNotFound {
			return aws.Credentials{}, errors.New("it has none")
		}
		if err != nil {
			return aws.Credentials{}, err
		}
		role, _, _ := strings.Cut(strings.TrimSpace(string(list)), "\n")
		if role == "" {
			return aws.Credentials{}, errors.New("it has none")
		}
		body, err := get(ctx, c, at+roles+url.PathEscape(role), header, session)
		if err != nil {
			return aws.Credentials{}, err
		}
		return readCredentials(body)
	}}, nil
}

// openSession returns what the metadata service wants to see with each question that follows within a minute.
func openSession(ctx context.Context, c *http.Client, at string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, at+"/latest/api/token", http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
	body, err := fetch(c, r)
	return strings.TrimSpace(string(body)), err
}

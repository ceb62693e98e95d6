// Command cloud-sync keeps a copy of a remote directory tree's entries in a bucket: paths, modes, sizes and times, and
// no contents. It pushes each batch of changes as it comes, and can list the tree again from what is in the bucket.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"smarttree.example/smarttree"
)

const usage = `
usage:
  cloud-sync push [flags] SERVER     follow a server, such as http://localhost:8973, until interrupted
  cloud-sync restore [flags]         list the tree from the bucket, and check it

The keys are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a server's token from SMARTTREE_TOKEN`

var errUsage = errors.New("what should be done?" + usage)

type config struct {
	endpoint, region, bucket, prefix string
	secure                           bool
	compactAfter                     int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	var c config
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&c.endpoint, "endpoint", "s3.amazonaws.com", "host and port of the S3 service")
	flags.StringVar(&c.region, "region", "us-east-1", "its region")
	flags.StringVar(&c.bucket, "bucket", "", "the bucket, which is there already")
	flags.StringVar(&c.prefix, "prefix", "tree", "what the names of objects begin with; one pusher each")
	flags.BoolVar(&c.secure, "secure", true, "speak TLS with the service")
	flags.IntVar(&c.compactAfter, "compact-after", 1000, "begin with a new base after so many batches")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	store, err := open(c)
	if err != nil {
		return err
	}
	switch {
	case args[0] == "push" && flags.NArg() == 1:
		return push(ctx, store, flags.Arg(0), c.compactAfter)
	case args[0] == "restore" && flags.NArg() == 0:
		return list(ctx, store, out)
	}
	return errUsage
}

func open(c config) (*store, error) {
	if c.bucket == "" {
		return nil, errors.New("which bucket? say: -bucket NAME")
	}
	client, err := minio.New(c.endpoint, &minio.Options{
		Creds: credentials.NewEnvAWS(), Secure: c.secure, Region: c.region,
	})
	if err != nil {
		return nil, err
	}
	return &store{client: client, bucket: c.bucket, prefix: c.prefix}, nil
}

// connect makes a client that asks for what a copy needs: trees, batches, and the message that ends each of them.
func connect(ctx context.Context, server, since string) (*smarttree.Client, error) {
	options := []smarttree.Option{smarttree.WithQuery(smarttree.Query{
		Events: []string{"tree", "quantum", "message"}, Mode: "quantum", Since: since,
	})}
	if token := os.Getenv("SMARTTREE_TOKEN"); token != "" {
		options = append(options, smarttree.WithToken(token))
	}
	return smarttree.Connect(ctx, server, options...)
}

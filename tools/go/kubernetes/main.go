// A Kubernetes API server and the etcd behind it, for tests: both as they are published, in one program, so that what they share
// is built and linked once. `kubernetes etcd …`, `kubernetes kube-apiserver …`: the arguments are those of the programs themselves.
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "kubernetes etcd|kube-apiserver ARGUMENT…")
		os.Exit(2)
	}
	program := os.Args[1]
	os.Args = os.Args[1:]
	switch program {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(app.NewAPIServerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "no program %q: etcd or kube-apiserver\n", program)
		os.Exit(2)
	}
}

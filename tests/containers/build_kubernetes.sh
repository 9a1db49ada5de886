#!/usr/bin/env bash
# Builds Kubernetes 1.20.2 of Debian's source package into FOLDER/bin, for tests/containers/cluster.py. As root on Debian 12:
# 1 GB of disk, and on two cores a few minutes the first time.
set -euo pipefail
work=$(realpath -m "${1:-build/kubernetes}")
mkdir -p "$work"/{lists/partial,go/src/k8s.io,bin,cache}
apt-get install --yes -qq --no-install-recommends golang-1.19-go dpkg-dev etcd-server containerd containernetworking-plugins catatonit

sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources > "$work/source.sources"
apt=(-o Dir::Etc::sourcelist="$work/source.sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists")
apt-get "${apt[@]}" update -qq
cd "$work"
apt-get "${apt[@]}" source --download-only -qq kubernetes
tree=$work/go/src/k8s.io/kubernetes
[ -e "$tree" ] || dpkg-source --extract --no-check kubernetes_*.dsc "$tree"

# as a module it refuses to build offline
export PATH=/usr/lib/go-1.19/bin:$PATH GOPATH=$work/go GOCACHE=$work/cache GO111MODULE=off GOPROXY=off CGO_ENABLED=0
cd "$tree"
generated=pkg/generated/openapi
if [ ! -e $generated/zz_generated.openapi.go ]; then # what `make generated_files` does
    go build -o "$work/bin/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen
    packages=$(grep -Rl --include='*.go' '+k8s:openapi-gen=' cmd pkg plugin vendor/k8s.io |
        grep -v -e vendor/k8s.io/code-generator/ -e vendor/k8s.io/sample-apiserver/ |
        xargs -n1 dirname | sort -u | sed 's#^#k8s.io/kubernetes/#' | paste -sd,)
    "$work/bin/openapi-gen" -i "$packages" -p k8s.io/kubernetes/$generated -O zz_generated.openapi \
        -h hack/boilerplate/boilerplate.generatego.txt -r "$work/report"
fi
version=k8s.io/kubernetes/vendor/k8s.io/component-base/version
flags="-s -w -X $version.gitVersion=v1.20.2 -X $version.gitMajor=1 -X $version.gitMinor=20"
for name in kube-apiserver kube-controller-manager kube-scheduler kubelet; do
    go build -ldflags "$flags" -o "$work/bin/" k8s.io/kubernetes/cmd/$name
done
ls -l "$work/bin"

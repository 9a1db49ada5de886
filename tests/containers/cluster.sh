#!/usr/bin/env bash
# cluster.sh up|down FOLDER: a Kubernetes cluster on one machine. The control plane listens on 10.77.1.1; each of two nodes is
# a network namespace on a bridge, with a containerd and a kubelet of its own. FOLDER/bin comes from build_kubernetes.sh;
# FOLDER/images/*.tar are loaded into both nodes.
set -euo pipefail
folder=$(realpath "$2")
state=$folder/cluster
export KUBECONFIG=$state/kubeconfig

down() {
    local node pid
    for node in 1 2; do # first the kubelets, which would start new containers
        for pid in $(cat "$state/node-$node/pids" 2> /dev/null | tail -n +2); do kill -9 "$pid" 2> /dev/null || true; done
    done
    for node in 1 2; do # what a killed containerd leaves would run on
        ctr --address "$state/node-$node/socket" --namespace k8s.io task list 2> /dev/null | awk 'NR > 1 {print $2}' || true
        pgrep --full "containerd-shim-runc-v2 .*-address $state/node-$node/" || true
        cat "$state/node-$node/pids" 2> /dev/null || true
    done > /tmp/cluster-pids.$$
    cat "$state/pids" >> /tmp/cluster-pids.$$ 2> /dev/null || true
    for pid in $(cat /tmp/cluster-pids.$$); do kill -9 "$pid" 2> /dev/null || true; done
    for pid in $(cat /tmp/cluster-pids.$$); do while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done; done
    rm /tmp/cluster-pids.$$
    for node in 1 2; do ip netns delete node-$node 2> /dev/null || true; done
    ip link delete kube 2> /dev/null || true
    for node in /run/netns/cni-*; do mountpoint --quiet "$node" || rm -f "$node"; done # of pods that are gone
    rm -rf "$state"
}

start() { # a program of the control plane; its output goes into a file of its name
    local name=$1
    shift
    "$@" > "$state/$name.log" 2>&1 &
    echo $! >> "$state/pids"
}

start_control_plane() {
    openssl genrsa -out "$state/accounts.key" 2048 2> /dev/null
    echo 'operator,operator,1,"system:masters"' > "$state/tokens.csv"
    cat > "$KUBECONFIG" << END
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "https://10.77.1.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: operator, user: {token: operator}}]
contexts: [{name: here, context: {cluster: here, user: operator}}]
current-context: here
END
    local store=http://127.0.0.1:23790
    start etcd etcd --data-dir "$state/etcd" --listen-client-urls $store --advertise-client-urls $store \
        --listen-peer-urls http://127.0.0.1:23800
    start apiserver "$folder/bin/kube-apiserver" --etcd-servers $store --bind-address 10.77.1.1 --secure-port 6443 \
        --cert-dir "$state/certificates" --service-account-issuer https://here --service-cluster-ip-range 10.96.0.0/16 \
        --service-account-key-file "$state/accounts.key" --service-account-signing-key-file "$state/accounts.key" \
        --kubelet-preferred-address-types InternalIP \
        --token-auth-file "$state/tokens.csv" --authorization-mode AlwaysAllow --disable-admission-plugins ServiceAccount
    for _ in $(seq 150); do
        curl -skf -H 'Authorization: Bearer operator' https://10.77.1.1:6443/readyz > /dev/null && break
        sleep 0.2
    done
}

start_controllers() { # once the nodes are ready: if none is, they blame their own network, and then evict nothing
    start controllers "$folder/bin/kube-controller-manager" --kubeconfig "$KUBECONFIG" --leader-elect=false --port 0 \
        --secure-port 10257 --bind-address 127.0.0.1 --cert-dir "$state/certificates" \
        --service-account-private-key-file "$state/accounts.key" \
        --controllers '*,-serviceaccount-token,-tokencleaner,-bootstrapsigner' --v 2
    start scheduler "$folder/bin/kube-scheduler" --kubeconfig "$KUBECONFIG" --leader-elect=false --port 0 \
        --secure-port 10259 --bind-address 127.0.0.1 --cert-dir "$state/certificates"
}

start_node() {
    local node=$1 files=$state/node-$1
    mkdir -p "$files/network"
    ip netns add node-"$node"
    ip link add veth-"$node" type veth peer name eth0 netns node-"$node"
    ip link set veth-"$node" master kube up
    ip -n node-"$node" link set lo up
    ip -n node-"$node" address add 10.77.1.1"$node"/24 dev eth0
    ip -n node-"$node" link set eth0 up
    ip -n node-"$node" route add default via 10.77.1.1
    cat > "$files/network/pods.conflist" << END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods", "isGateway": true, "ipam":
 {"type": "host-local", "dataDir": "$files/addresses", "ranges": [[{"subnet": "10.99.$node.0/24"}]],
  "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
    cat > "$files/containerd.toml" << END
version = 2
root = "$files/containerd"
state = "$files/run"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "$files/socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$files/network"
END
    cat > "$files/start.sh" << END
mount --make-rshared /
containerd --config $files/containerd.toml > $files/containerd.log 2>&1 &
echo \$! > $files/pids
until ctr --address $files/socket version > /dev/null 2>&1; do sleep 0.2; done
for image in $folder/images/*.tar; do ctr --address $files/socket --namespace k8s.io images import \$image; done
$folder/bin/kubelet --kubeconfig $KUBECONFIG --hostname-override node-$node --node-ip 10.77.1.1$node \
    --root-dir $files/kubelet --cert-dir $files/certificates --authorization-mode AlwaysAllow --container-runtime remote \
    --container-runtime-endpoint unix://$files/socket --cgroup-driver cgroupfs --cgroups-per-qos=false \
    --enforce-node-allocatable= --eviction-hard= --image-gc-high-threshold 100 --oom-score-adj 0 --max-open-files 4096 \
    --healthz-port 0 \
    > $files/kubelet.log 2>&1 &
echo \$! >> $files/pids
wait
END
    # a mount namespace that containerd and kubelet share; `ip netns exec` would hide the cgroups
    start "node-$node" nsenter --net=/run/netns/node-"$node" unshare --mount --propagation private bash "$files/start.sh"
}

case $1 in
up)
    down
    mkdir -p "$state"
    ip link add kube type bridge
    ip address add 10.77.1.1/24 dev kube
    ip link set kube up
    start_control_plane
    start_node 1
    start_node 2
    for node in 1 2; do
        until kubectl wait --for=condition=Ready --timeout=60s node/node-$node 2> /dev/null; do sleep 0.5; done
    done
    start_controllers
    ;;
down) down ;;
esac

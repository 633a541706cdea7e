//go:build e2e

package e2e

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// refusesWithoutSandbox tries what must fail while no sandbox runs, and leaves none behind.
func (w *world) refusesWithoutSandbox(t *testing.T) {
	w.workers(t, 2)
	for _, command := range []string{"plan", "status", "inventory", "destroy --yes"} {
		r := w.want(t, 8, strings.Fields(command)...)
		oneClearMessage(t, r, "the sandbox is not running", "slipway sandbox start")
	}
	t.Run("port taken", func(t *testing.T) {
		listener, err := net.Listen("tcp", w.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		oneClearMessage(t, w.want(t, 5, "sandbox", "start"), w.listen, "--listen")
	})
	t.Run("not root", func(t *testing.T) {
		cmd := exec.Command(binary, "sandbox", "start")
		cmd.Env, cmd.Dir = w.env, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 7 {
			t.Errorf("sandbox start as nobody: %v\n%s", err, &stderr)
		}
		oneClearMessage(t, result{stderr: stderr.String()}, "root", "sudo")
	})
	t.Run("a tool missing", func(t *testing.T) {
		bare := *w
		bare.env = append(bare.env, "PATH="+filepath.Join(w.dir, "nothing"))
		r := bare.want(t, 8, "sandbox", "start")
		oneClearMessage(t, r, "slirp4netns", "apt-get install")
	})
}

// refusesBadInput gives the running cluster bad documents: each is one clear message and an exit code, and no call that
// changes anything is made.
func (w *world) refusesBadInput(t *testing.T) {
	before := w.mutatingCalls(t)
	const head = "version: v1\nname: demo\ncloud: {provider: sandbox}\n"
	for name, c := range map[string]struct {
		document string
		code     int
		says     []string
	}{
		"unknown key":           {head + "managers: {count: 3}\nmanagerz: {}\n", 3, []string{":5:1", "managerz", "managers"}},
		"wrong type":            {head + "managers: {count: many}\n", 3, []string{":4:19", "managers.count"}},
		"even managers":         {head + "managers: {count: 4}\n", 3, []string{":4:19", "odd"}},
		"two zones":             {"version: v1\nname: demo\ncloud: {provider: sandbox, zones: 2}\nmanagers: {count: 3}\n", 3, []string{":3:35", "INFRA-2"}},
		"unknown type":          {head + "managers: {count: 3, type: m9.huge}\n", 3, []string{"m9.huge"}},
		"CIDR too small":        {head + "network: {cidr: 10.0.0.0/28}\nmanagers: {count: 3}\n", 3, []string{":4:17", "/28", "/16 to /24"}},
		"CIDR overlapping pods": {head + "network: {cidr: 10.64.0.0/16}\nmanagers: {count: 3}\n", 3, []string{"pods"}},
		"SSH from everywhere":   {head + "network: {allow: {ssh: [0.0.0.0/0]}}\nmanagers: {count: 3}\n", 3, []string{"0.0.0.0/0"}},
		"private topology":      {head + "network: {topology: private}\nmanagers: {count: 3}\n", 3, []string{"not there yet"}},
		"two faults at once":    {head + "managers: {count: 4}\nworkerz: []\n", 3, []string{"odd", "workerz"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := w.write(t, "bad.yaml", c.document)
			oneClearMessage(t, w.want(t, c.code, "up", "--yes", "-f", file), c.says...)
		})
	}
	t.Run("no document", func(t *testing.T) {
		oneClearMessage(t, w.want(t, 4, "up", "-f", filepath.Join(w.dir, "absent.yaml")), "absent.yaml")
	})
	t.Run("credentials missing", func(t *testing.T) {
		file := w.write(t, "aws.yaml", strings.ReplaceAll(head, "sandbox", "aws, region: us-east-1")+"managers: {count: 3}\n")
		stranger := *w
		stranger.env = append(stranger.env, "AWS_ENDPOINT_URL=http://"+w.listen, "AWS_EC2_METADATA_DISABLED=true")
		oneClearMessage(t, stranger.want(t, 6, "plan", "-f", file), "credentials")
	})
	if n := w.mutatingCalls(t) - before; n != 0 {
		t.Errorf("bad input led to %d mutating calls", n)
	}
}

// namesFullDisk fills the root volume of a node on which a file has to be written again.
func (w *world) namesFullDisk(t *testing.T) {
	w.on(t, "linux-1", "", "rm /etc/docker/daemon.json")
	w.on(t, "linux-1", "", "fallocate -l $(($(stat -f -c %a /) * $(stat -f -c %S /))) /full || true; dd if=/dev/zero of=/fuller bs=4k 2>/dev/null || true")
	refused := w.run(t, "up", "--yes")
	w.on(t, "linux-1", "", "rm -f /full /fuller")
	if refused.code != 9 {
		t.Errorf("%s", refused.failure(9))
	}
	oneClearMessage(t, refused, "linux-1", "full")
	w.must(t, "up", "--yes")
	w.on(t, "linux-1", "", "test -s /etc/docker/daemon.json")
	w.healthy(t)
}

// namesClosedSSH stops the SSH server of a node, which only a restart of the host brings back.
func (w *world) namesClosedSSH(t *testing.T) {
	n := w.healthy(t).node(t, "linux-2")
	w.on(t, "linux-2", "", "systemd-run --on-active=1 systemctl stop ssh.socket ssh.service >/dev/null 2>&1")
	defer func() {
		w.aws(t, nil, "ec2", "reboot-instances", "--instance-ids", n.InstanceID)
		within(t, noticesSoon*8, "a healthy cluster after the host was restarted", func() bool { return w.status(t).Healthy })
	}()
	within(t, noticesSoon, "SSH refused", func() bool { return !w.status(t).Healthy })
	w.names(t, n)
	oneClearMessage(t, w.want(t, 8, "up", "--yes"), "linux-2")
}

// oneClearMessage fails the test unless the command printed a message with all the words, and no stack or usage text.
func oneClearMessage(t *testing.T, r result, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("%s: the message lacks %q:\n%s", strings.Join(r.args, " "), word, r.stderr)
		}
	}
	for _, noise := range []string{"panic", "goroutine ", "Usage:"} {
		if strings.Contains(r.stderr, noise) {
			t.Errorf("%s: the message has %q in it:\n%s", strings.Join(r.args, " "), noise, r.stderr)
		}
	}
}

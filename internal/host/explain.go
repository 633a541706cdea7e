package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

// explain says why an attempt to connect failed, and whether a later one may do better.
func (d *Dialer) explain(node cluster.Node, check *keyCheck, auth Auth, err error) error {
	where := fmt.Sprintf("%s (%s, %s)", node.Name, node.Zone, node.PublicIP)
	switch {
	case check.wrong != nil:
		return check.wrong
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		if check.pinned != nil {
			return check.mismatch("has no key of this type")
		}
		return errs.Wrap(errs.Conflict, err, where+" has no host key of a type that is accepted").
			WithRemedy("give the host an ed25519 host key (ssh-keygen -A) and run again")
	case strings.Contains(err.Error(), "unable to authenticate"):
		return errs.Wrap(errs.Unauthenticated, err, fmt.Sprintf("%s does not let %s in with %s", where, node.User, auth.Source)).WithRetry().
			WithRemedy("check ssh.key and ssh.user in the document: the key must be the one that the instance was made with (another machine or operator has another generated key), " +
				"and the user the image's own")
	case isTimeout(err):
		return errs.Wrap(errs.Unavailable, err, where+" does not answer on SSH").WithRetry().
			WithRemedy("check that this machine's address is in network.allow.ssh and that the instance is up (`slipway status`). " + restart(node))
	case errors.Is(err, syscall.ECONNREFUSED):
		return errs.Wrap(errs.Unavailable, err, where+" refuses SSH: nothing listens there").WithRetry().
			WithRemedy("the host boots, or its sshd is not running. " + restart(node))
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return errs.Wrap(errs.Unavailable, err, "there is no way from here to "+where).WithRetry().
			WithRemedy("check this machine's network; in the sandbox, that it runs (`slipway sandbox status`)")
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe), isClosed(err):
		return errs.Wrap(errs.Unavailable, err, where+" ended the connection before the login").WithRetry().
			WithRemedy("its sshd may be starting or be overloaded: run again")
	default:
		return errs.Wrap(errs.Unavailable, err, "connect to "+where).WithRetry()
	}
}

// restart says how a host that has died or hangs is brought back.
func restart(node cluster.Node) string {
	return "If it stays so, run `slipway up`: it restarts an instance whose status checks fail. Where they pass, stop the instance first: " +
		"aws ec2 stop-instances --force --instance-ids " + node.InstanceID
}

// isTimeout reports whether err says that time was up.
func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) ||
		(errors.As(err, &n) && n.Timeout())
}

// isClosed reports whether err says that a connection was closed from our side.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

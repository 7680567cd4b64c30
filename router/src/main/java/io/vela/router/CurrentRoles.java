package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.Role;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.BranchRow;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Roles as they are when somebody asks: from the instance while a branch is awake, from what was
 * read at its end while it sleeps. Methods block.
 */
final class CurrentRoles {
  private static final Logger log = LoggerFactory.getLogger(CurrentRoles.class);
  private static final SessionLabel LABEL = new SessionLabel(0, "roles are read after a crash");

  private final Branches branches;
  private final RoleContents contents;
  private final BranchDesk desk;

  CurrentRoles(Branches branches, RoleContents contents, BranchDesk desk) {
    this.branches = branches;
    this.contents = contents;
    this.desk = desk;
  }

  /** The role that the address names; empty when there is none. */
  Optional<Role> find(Target target) throws RouteException, InterruptedException {
    var name = target.address().role();
    var row = row(target);
    if (row.isEmpty() || contents.areSettled(row.get().cloneId())) {
      return desk.contents(target).role(name);
    }
    try {
      return contents.now(row.get().cloneId(), name);
    } catch (CloneException e) {
      return afterItsEnd(target, row.get(), e);
    }
  }

  /** Whether no instance has to be asked. */
  boolean areAtHand(Target target) {
    return row(target).map(row -> contents.areSettled(row.cloneId())).orElse(true);
  }

  private Optional<BranchRow> row(Target target) {
    return branches.find(target.branch()).flatMap(BranchStatus::row);
  }

  private Optional<Role> afterItsEnd(Target target, BranchRow row, CloneException cause)
      throws RouteException, InterruptedException {
    var name = target.address().role();
    if (contents.areSettled(row.cloneId())) {
      // It was put to sleep meanwhile.
      return desk.contents(target).role(name);
    }
    if (branches.find(row.name()).filter(branch -> branch.state().isAwake()).isPresent()) {
      throw unreadable(row, cause);
    }
    // It did not end by being put to sleep: nothing but its data says what passwords it has. It is
    // started once for that, whoever asks; a password that was changed before would match else.
    log.info("branch is woken for its roles branch={} clone={}", row.name(), row.cloneId());
    try (var _ =
        BranchDesk.await(
            branches.lease(row.name(), Optional.empty(), BranchSession.fleeting(LABEL)))) {
      return contents.now(row.cloneId(), name);
    } catch (CloneException e) {
      throw unreadable(row, e);
    }
  }

  private static RouteException unreadable(BranchRow row, CloneException cause) {
    return new RouteException(
        new RouteFailure.AgentFailed(
            "the roles of branch \"" + row.name() + "\" could not be read", cause.failure()),
        cause);
  }
}

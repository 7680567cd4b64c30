package io.vela.router;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StopTimedOut;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.Endpoint;
import io.vela.agent.ForcedStop;
import io.vela.agent.InstanceExit;
import io.vela.agent.InstanceSettings;
import io.vela.agent.SnapshotId;
import io.vela.agent.StopMode;
import io.vela.config.BranchPolicy;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.Router.BranchSettings;
import io.vela.router.branch.BranchWork;
import io.vela.router.branch.HandedOut;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.BranchRow.Phase;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.Event;
import io.vela.router.warm.WarmClones;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A branch's work in catalogue and agent, in the order that a crash can be put right from. */
final class AgentWork implements BranchWork {
  private static final Logger log = LoggerFactory.getLogger(AgentWork.class);

  /** Recovery after a crash may take long; clients give up sooner, but the start goes on. */
  private static final Duration START_TIMEOUT = Duration.ofMinutes(10);

  private final Supplier<VelaConfig> config;
  private final Catalog catalog;
  private final CloneService agent;
  private final RoleContents contents;
  private final WarmClones warm;
  private final UnconfirmedChanges unconfirmed;
  private final Function<BaselineName, Optional<SnapshotId>> current;

  /**
   * @param unconfirmed what is not known of the catalogue, and how it is put right
   * @param current the snapshot that new branches come from
   */
  AgentWork(
      Supplier<VelaConfig> config,
      Catalog catalog,
      CloneService agent,
      RoleContents contents,
      WarmClones warm,
      UnconfirmedChanges unconfirmed,
      Function<BaselineName, Optional<SnapshotId>> current) {
    this.config = config;
    this.current = current;
    this.catalog = catalog;
    this.agent = agent;
    this.contents = contents;
    this.warm = warm;
    this.unconfirmed = unconfirmed;
  }

  /** What the branches of a policy are started with. */
  static InstanceSettings settings(BranchPolicy policy) {
    return new InstanceSettings(
        policy.durability(),
        START_TIMEOUT,
        policy.replication(),
        policy.network(),
        policy.limits());
  }

  @Override
  public Optional<HandedOut> handOut(BranchName name, BaselineName from, BranchSettings settings)
      throws RouteException {
    unconfirmed.settle(name);
    var taken = warm.take(from);
    if (taken.isEmpty()) {
      return Optional.empty();
    }
    var clone = taken.get();
    Optional<BranchRow> row;
    try {
      row = catalog.warm().handOut(clone.id(), name, settings);
    } catch (RouteException e) {
      if (e.failure() instanceof RouteFailure.AlreadyExists) {
        warm.giveBack(clone);
      } else {
        // Until it has been taken back the name is not known to be free.
        unconfirmed.add(name, "hand-out", () -> catalog.warm().takeBack(clone.id()));
        warm.discard(clone);
      }
      throw e;
    }
    if (row.isEmpty()) {
      log.warn("warm clone without a row discarded clone={}", clone.id());
      warm.discard(clone);
      return Optional.empty();
    }
    created(row.get(), "warm clone");
    return Optional.of(new HandedOut(row.get(), clone.endpoint(), clone.place()));
  }

  private void created(BranchRow row, String what) {
    catalog.record(
        new Event(
            "branch.created",
            row.name().value(),
            "%s %s of baseline %s".formatted(what, row.cloneId(), row.baseline())));
  }

  /**
   * The clone comes first and the row after it, in one write: who connects waits for a single
   * commit of the catalogue. A crash in between leaves a clone without a row that was never
   * confirmed, which the next start removes.
   */
  @Override
  public BranchRow create(BranchName name, BaselineName from, BranchSettings settings)
      throws RouteException {
    while (true) {
      unconfirmed.settle(name);
      var snapshot =
          current
              .apply(from)
              .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBaseline(from.value())));
      try {
        return create(name, from, snapshot, settings);
      } catch (RouteException e) {
        // A newer snapshot came meanwhile, and the one used here may be gone.
        if (current.apply(from).filter(snapshot::equals).isPresent()) {
          throw e;
        }
      }
    }
  }

  private BranchRow create(
      BranchName name, BaselineName from, SnapshotId snapshot, BranchSettings settings)
      throws RouteException {
    if (!catalog.isUp()) {
      // A clone is not made only to find that it cannot be written down.
      throw new RouteException(
          new RouteFailure.CatalogUnavailable("it could not be reached a moment ago"));
    }
    var clone = CloneId.random();
    try {
      agent.createClone(clone, snapshot);
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed("branch \"" + name + "\" could not be created", e.failure()),
          e);
    }
    try {
      var row = catalog.insertBranch(name, clone, from, snapshot, settings);
      agent.confirm(clone);
      created(row, "clone");
      return row;
    } catch (RouteException e) {
      if (e.failure() instanceof RouteFailure.CatalogUnavailable) {
        // Nobody knows whether the row was written. While that is so the clone stays: if Vela ends,
        // the next start finds both, or a clone without a row, which goes.
        unconfirmed.add(name, "creation", () -> undo(name, clone));
      } else {
        destroyClone(name, clone);
      }
      throw e;
    }
  }

  private void undo(BranchName name, CloneId clone) throws RouteException {
    catalog.removeBranch(clone);
    destroyClone(name, clone);
  }

  private void destroyClone(BranchName name, CloneId clone) {
    try {
      agent.destroyClone(clone);
    } catch (CloneException e) {
      log.warn(
          "half-made branch left for the next start branch={} clone={} cause=\"{}\"",
          name,
          clone,
          e.getMessage());
    }
  }

  @Override
  public Endpoint start(BranchRow branch) throws CloneException {
    var policy = config.get().policy(branch.baseline());
    var endpoint = agent.start(branch.cloneId(), settings(policy));
    // Nobody can have reached it yet.
    contents.unsettled(branch.cloneId());
    return endpoint;
  }

  @Override
  public CompletionStage<InstanceExit> exit(BranchRow branch) {
    return agent.exit(branch.cloneId());
  }

  @Override
  public Activity activity(BranchRow branch) throws CloneException {
    return agent.activity(branch.cloneId());
  }

  @Override
  public void stop(BranchRow branch) throws CloneException {
    try {
      contents.settle(branch.cloneId());
    } catch (CloneException e) {
      log.warn(
          "roles not read before stop branch={} clone={} cause=\"{}\"",
          branch.name(),
          branch.cloneId(),
          e.failure().message());
    }
    agent.stop(branch.cloneId(), config.get().limits().stopTimeout());
  }

  @Override
  public StopMode stopToDelete(BranchRow branch, Consumer<StopTimedOut> late)
      throws CloneException {
    return forcedStop().stop(branch.cloneId(), late);
  }

  private ForcedStop forcedStop() {
    return new ForcedStop(agent, config.get().limits().deletion());
  }

  @Override
  public void condemn(BranchRow branch) throws RouteException {
    unconfirmed.settle(branch.name());
    try {
      catalog.setPhase(branch.id(), Phase.DELETING);
    } catch (RouteException e) {
      // It was refused: the next start of Vela must not find that it goes.
      unconfirmed.add(branch.name(), "deletion", () -> catalog.setPhase(branch.id(), Phase.READY));
      throw e;
    }
  }

  @Override
  public void destroy(BranchRow branch) throws RouteException {
    try {
      // What nobody knew to run when the deletion began.
      var _ =
          stopToDelete(
              branch,
              late ->
                  log.warn(
                      "instance does not stop branch={} clone={} cause=\"{}\"",
                      branch.name(),
                      branch.cloneId(),
                      late.message()));
      agent.destroyClone(branch.cloneId());
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "branch \"" + branch.name() + "\" could not be deleted", e.failure()),
          e);
    }
    try {
      catalog.removeBranch(branch.id());
    } catch (RouteException _) {
      // Its data has gone and its row says that it goes: it is deleted, whenever the row follows.
      unconfirmed.add(branch.name(), "removal", () -> catalog.removeBranch(branch.id()));
    }
    contents.forget(branch.cloneId());
    catalog.record(new Event("branch.deleted", branch.name().value(), "clone " + branch.cloneId()));
    log.info("branch deleted branch={} clone={}", branch.name(), branch.cloneId());
  }
}

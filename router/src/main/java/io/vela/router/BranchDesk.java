package io.vela.router;

import io.vela.agent.Contents;
import io.vela.agent.StopMode;
import io.vela.agent.Usage;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.BranchSession.State;
import io.vela.router.Router.BranchSettings;
import io.vela.router.Router.BranchView;
import io.vela.router.Router.SessionView;
import io.vela.router.Router.Why;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.Catalog;
import io.vela.router.route.BranchAddressParser;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * What people and programs ask about branches and have done to them; see {@link Router}. Blocks.
 */
final class BranchDesk {
  private final Branches branches;
  private final BranchViews views;
  private final Baselines baselines;
  private final Catalog catalog;
  private final UnconfirmedChanges unconfirmed;
  private final SessionDirectory attendance;
  private final RoomRule roomRule;

  BranchDesk(
      Branches branches,
      BranchViews views,
      Baselines baselines,
      Catalog catalog,
      UnconfirmedChanges unconfirmed,
      SessionDirectory attendance,
      RoomRule roomRule) {
    this.branches = branches;
    this.views = views;
    this.baselines = baselines;
    this.catalog = catalog;
    this.unconfirmed = unconfirmed;
    this.attendance = attendance;
    this.roomRule = roomRule;
  }

  List<BranchView> all() {
    return branches.all().stream()
        .filter(Locator::isThere)
        .map(views::view)
        .sorted(Comparator.comparing(BranchView::name))
        .toList();
  }

  BranchView view(BranchName name) throws RouteException {
    return views.view(existing(name));
  }

  Why why(BranchName name) throws RouteException {
    return views.why(existing(name));
  }

  Usage usage(BranchName name) throws RouteException {
    return views.usage(existingRow(name));
  }

  private BranchStatus existing(BranchName name) throws RouteException {
    return branches
        .find(name)
        .filter(Locator::isThere)
        .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBranch(name)));
  }

  private BranchRow existingRow(BranchName name) throws RouteException {
    return existing(name)
        .row()
        .orElseThrow(
            () ->
                new RouteException(
                    new RouteFailure.InUse("branch \"" + name + "\" is being created", List.of())));
  }

  /** What a branch holds, or would hold once it is created. */
  Contents contents(Target target) throws RouteException {
    var row = branches.find(target.branch()).flatMap(BranchStatus::row);
    if (row.isPresent()) {
      return views.contents(row.get());
    }
    var from =
        target
            .createFrom()
            .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBranch(target.branch())));
    return baselines
        .contents(from)
        .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBaseline(from.value())));
  }

  int countFrom(BaselineName baseline) {
    return (int)
        branches.all().stream()
            .flatMap(branch -> branch.row().stream())
            .filter(row -> row.baseline().equals(baseline))
            .count();
  }

  BranchView create(BranchName name, BaselineName from, BranchSettings settings)
      throws RouteException, InterruptedException {
    if (name.value().startsWith(BranchAddressParser.TOKEN_PREFIX)) {
      throw new RouteException(
          new RouteFailure.Malformed(
              "a branch name cannot begin with " + BranchAddressParser.TOKEN_PREFIX));
    }
    if (!baselines.exists(from)) {
      throw new RouteException(new RouteFailure.NoSuchBaseline(from.value()));
    }
    roomRule.check(from, settings);
    await(branches.create(name, from, settings));
    return view(name);
  }

  BranchView resume(BranchName name) throws RouteException, InterruptedException {
    existing(name);
    return wake(name, "resumed by hand");
  }

  private BranchView wake(BranchName name, String who) throws RouteException, InterruptedException {
    var byHand = BranchSession.fleeting(new SessionLabel(0, who));
    try (var _ = await(branches.lease(name, Optional.empty(), byHand))) {
      return view(name);
    }
  }

  /**
   * @param patience for sessions that are at work
   */
  BranchView restart(BranchName name, boolean force, Duration patience)
      throws RouteException, InterruptedException {
    existing(name);
    branches.stopToRestart(name, force, patience);
    return wake(name, "restarted by hand");
  }

  BranchView configure(BranchName name, BranchSettings settings) throws RouteException {
    var row = existingRow(name);
    roomRule.check(row.baseline(), settings);
    unconfirmed.settle(name);
    try {
      catalog.setSettings(row.id(), settings);
    } catch (RouteException e) {
      unconfirmed.add(name, "settings", () -> catalog.setSettings(row.id(), row.settings()));
      throw e;
    }
    branches.configured(row, settings);
    return view(name);
  }

  List<SessionView> sessions() {
    return attendance.all().entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .flatMap(entry -> views.sessions(entry.getKey(), entry.getValue()).stream())
        .toList();
  }

  List<SessionView> sessions(BranchName name) throws RouteException {
    existing(name);
    return views.sessions(name, attendance.of(name));
  }

  BranchView suspend(BranchName name, boolean force) throws RouteException, InterruptedException {
    existing(name);
    branches.suspend(name, force);
    return view(name);
  }

  Optional<StopMode> delete(BranchName name, boolean force)
      throws RouteException, InterruptedException {
    // Those that hold a lease are in the way by it; those that are parked only say so here.
    var parked =
        attendance.of(name).stream()
            .filter(session -> session.activity().state() == State.PARKED)
            .map(session -> session.label().description() + ": parked")
            .toList();
    if (!force && !parked.isEmpty()) {
      throw new RouteException(new RouteFailure.InUse("branch \"" + name + "\" is in use", parked));
    }
    var forced = branches.delete(name, force);
    baselines.removeUnused();
    return forced;
  }

  /** Waits for what the branches have promised. */
  static <T> T await(CompletableFuture<T> future) throws RouteException, InterruptedException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RouteException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      future.cancel(false);
      throw e;
    }
  }
}

package io.vela.router;

import io.vela.agent.Contents;
import io.vela.agent.Usage;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.Router.BranchSettings;
import io.vela.router.Router.BranchView;
import io.vela.router.Router.Why;
import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.catalog.BranchRow;
import io.vela.router.route.BranchAddressParser;
import java.util.Comparator;
import java.util.List;
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

  BranchDesk(Branches branches, BranchViews views, Baselines baselines) {
    this.branches = branches;
    this.views = views;
    this.baselines = baselines;
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
    await(branches.create(name, from, settings));
    return view(name);
  }

  BranchView resume(BranchName name) throws RouteException, InterruptedException {
    existing(name);
    var byHand = BranchSession.fleeting(new SessionLabel(0, "resumed by hand"));
    try (var _ = await(branches.lease(name, Optional.empty(), byHand))) {
      return view(name);
    }
  }

  BranchView suspend(BranchName name, boolean force) throws RouteException, InterruptedException {
    existing(name);
    branches.suspend(name, force);
    return view(name);
  }

  void delete(BranchName name, boolean force) throws RouteException, InterruptedException {
    branches.delete(name, force);
    baselines.removeUnused();
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

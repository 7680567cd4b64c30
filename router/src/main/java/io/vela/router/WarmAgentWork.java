package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.ForcedStop;
import io.vela.agent.InstanceExit;
import io.vela.agent.InstanceSettings;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.router.catalog.Catalog;
import io.vela.router.warm.WarmWork;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Warm clones' work in catalogue and agent, in the order that a crash can be put right from. */
final class WarmAgentWork implements WarmWork {
  private static final Logger log = LoggerFactory.getLogger(WarmAgentWork.class);

  private final Supplier<VelaConfig> config;
  private final Catalog catalog;
  private final CloneService agent;
  private final RoleContents contents;
  private final Baselines baselines;

  WarmAgentWork(
      Supplier<VelaConfig> config,
      Catalog catalog,
      CloneService agent,
      RoleContents contents,
      Baselines baselines) {
    this.config = config;
    this.catalog = catalog;
    this.agent = agent;
    this.contents = contents;
    this.baselines = baselines;
  }

  @Override
  public boolean poolIsAmple() throws RouteException {
    try {
      return agent.pool().freeBytes() / 2 >= config.get().pool().reserve().bytes();
    } catch (CloneException e) {
      throw failed("the pool could not be measured", e);
    }
  }

  @Override
  public Made make(CloneId id, BaselineName from, InstanceSettings settings) throws RouteException {
    var snapshot = catalog.warm().insert(id, from);
    try {
      agent.createClone(id, snapshot);
      agent.confirm(id);
      var endpoint = agent.start(id, settings);
      agent.warmUp(id);
      // It is to be a branch: its roles are asked for as those of any branch that runs.
      contents.unsettled(id);
      return new Made(snapshot, endpoint);
    } catch (CloneException e) {
      undo(id);
      throw failed("warm clone " + id + " could not be made", e);
    }
  }

  private void undo(CloneId id) {
    try {
      stop(id);
      destroy(id);
    } catch (RouteException e) {
      log.warn(
          "half-made warm clone left for the next start clone={} cause=\"{}\" detail=\"{}\"",
          id,
          e.failure().message(),
          e.failure().detail());
    }
  }

  @Override
  public CompletionStage<InstanceExit> exit(CloneId id) {
    return agent.exit(id);
  }

  @Override
  public void takeBack(CloneId id) throws RouteException {
    catalog.warm().takeBack(id);
  }

  @Override
  public void stop(CloneId id) throws RouteException {
    try {
      // Nobody has used it, so there is nothing to lose.
      var _ =
          new ForcedStop(agent, config.get().limits().deletion())
              .stop(
                  id,
                  late ->
                      log.warn(
                          "warm clone does not stop clone={} cause=\"{}\"", id, late.message()));
    } catch (CloneException e) {
      throw failed("warm clone " + id + " could not be stopped", e);
    }
  }

  @Override
  public void destroy(CloneId id) throws RouteException {
    try {
      agent.destroyClone(id);
    } catch (CloneException e) {
      throw failed("warm clone " + id + " could not be removed", e);
    }
    catalog.warm().remove(id);
    contents.forget(id);
    // It may have been the last of a snapshot that is superseded.
    baselines.removeUnused();
  }

  private static RouteException failed(String what, CloneException e) {
    return new RouteException(new RouteFailure.AgentFailed(what, e.failure()), e);
  }
}

package io.vela.router;

import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.SnapshotId;
import io.vela.router.Router.Quarantined;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The volumes of the pool that the catalogue did not know when Vela started. */
final class Quarantine {
  private static final Logger log = LoggerFactory.getLogger(Quarantine.class);

  private final CloneService agent;
  private final ConcurrentSkipListMap<String, Quarantined> volumes = new ConcurrentSkipListMap<>();

  Quarantine(CloneService agent) {
    this.agent = agent;
  }

  void load(List<Quarantined> found) {
    found.forEach(volume -> volumes.put(volume.id(), volume));
  }

  List<Quarantined> all() {
    return List.copyOf(volumes.values());
  }

  /** See {@link Router#purge}. Blocks. */
  void purge(String id, Duration stopTimeout) throws RouteException {
    var volume = volumes.get(id);
    if (volume == null) {
      throw new RouteException(new RouteFailure.NotQuarantined(id));
    }
    try {
      switch (volume.kind()) {
        case CLONE -> {
          agent.stop(new CloneId(id), stopTimeout);
          agent.destroyClone(new CloneId(id));
        }
        case SNAPSHOT -> agent.destroySnapshot(new SnapshotId(id));
      }
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed("volume " + id + " could not be removed", e.failure()), e);
    }
    volumes.remove(id);
    log.info("quarantined volume removed kind={} volume={}", volume.kind(), id);
  }
}

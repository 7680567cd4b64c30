package io.vela.router;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.Contents;
import io.vela.agent.Role;
import io.vela.router.catalog.Catalog;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What branches hold (roles, databases). The agent keeps with each clone what was read when it was
 * last put to sleep; while it runs, roles are asked for each time, since any client may change
 * them.
 */
final class RoleContents {
  private static final Logger log = LoggerFactory.getLogger(RoleContents.class);

  private final CloneService agent;
  private final Catalog catalog;

  /** Clones whose roles may have changed since they were last read. */
  private final Set<CloneId> unsettled = ConcurrentHashMap.newKeySet();

  private final Cache<CloneId, Contents> cache =
      Caffeine.newBuilder().maximumSize(10_000).expireAfterAccess(Duration.ofHours(1)).build();

  RoleContents(CloneService agent, Catalog catalog) {
    this.agent = agent;
    this.catalog = catalog;
    catalog.onContentsChanged(
        clone -> clone.ifPresentOrElse(cache::invalidate, cache::invalidateAll));
  }

  /** What was last read from the clone. Blocks. */
  Contents of(CloneId clone) throws CloneException {
    var known = cache.getIfPresent(clone);
    if (known != null) {
      return known;
    }
    var read = agent.contents(clone);
    // What was settled meanwhile is newer.
    var newer = cache.asMap().putIfAbsent(clone, read);
    return newer == null ? read : newer;
  }

  /** Reads what is not known yet, a file a clone, so that the first list need not. Blocks. */
  void readAhead(List<CloneId> clones) {
    for (var clone : clones) {
      if (Thread.currentThread().isInterrupted()) {
        return;
      }
      try {
        of(clone);
      } catch (CloneException e) {
        log.debug("contents not read clone={}", clone, e);
      }
    }
  }

  /** The clone's instance runs, or has run without being read at its end. */
  void unsettled(CloneId clone) {
    unsettled.add(clone);
  }

  /** Whether {@link #of} has the roles as they are. */
  boolean areSettled(CloneId clone) {
    return !unsettled.contains(clone);
  }

  /** A role as the running instance has it at this moment. Blocks. */
  Optional<Role> now(CloneId clone, String role) throws CloneException {
    return agent.role(clone, role);
  }

  /** Reads the running instance, which is about to be stopped. Blocks. */
  void settle(CloneId clone) throws CloneException {
    var read = agent.refreshContents(clone);
    cache.put(clone, read);
    unsettled.remove(clone);
    catalog.contentsChanged(clone);
  }

  void forget(CloneId clone) {
    cache.invalidate(clone);
    unsettled.remove(clone);
  }
}

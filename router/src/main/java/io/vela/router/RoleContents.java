package io.vela.router;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.vela.agent.CloneException;
import io.vela.agent.CloneId;
import io.vela.agent.CloneService;
import io.vela.agent.Contents;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.Catalog;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What branches hold (roles, databases), cached; the agent keeps it with each clone. */
final class RoleContents {
  private static final Logger log = LoggerFactory.getLogger(RoleContents.class);
  private static final Duration BETWEEN_REFRESHES = Duration.ofSeconds(1);

  private final CloneService agent;
  private final Catalog catalog;
  private final Executor threads;
  private final Clock clock;
  private final ConcurrentMap<CloneId, Instant> refreshed = new ConcurrentHashMap<>();
  private final Cache<CloneId, Contents> cache =
      Caffeine.newBuilder().maximumSize(10_000).expireAfterAccess(Duration.ofHours(1)).build();

  RoleContents(CloneService agent, Catalog catalog, Executor threads, Clock clock) {
    this.agent = agent;
    this.catalog = catalog;
    this.threads = threads;
    this.clock = clock;
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
    cache.put(clone, read);
    return read;
  }

  /** Reads the running instance anew. Blocks. */
  void refresh(CloneId clone) throws CloneException {
    var read = agent.refreshContents(clone);
    cache.put(clone, read);
    catalog.contentsChanged(clone);
  }

  /** Reads the running instance anew in the background, at most once a second a clone. */
  void refreshSoon(BranchRow branch) {
    var now = clock.instant();
    var mine = new AtomicBoolean();
    refreshed.compute(
        branch.cloneId(),
        (_, last) -> {
          mine.set(last == null || !now.isBefore(last.plus(BETWEEN_REFRESHES)));
          return last == null || mine.get() ? now : last;
        });
    if (!mine.get()) {
      return;
    }
    threads.execute(
        () -> {
          try {
            refresh(branch.cloneId());
          } catch (CloneException e) {
            log.warn(
                "roles not read again branch={} clone={} cause=\"{}\"",
                branch.name(),
                branch.cloneId(),
                e.failure().message());
          }
        });
  }

  void forget(CloneId clone) {
    cache.invalidate(clone);
    refreshed.remove(clone);
  }
}

package io.vela.router;

import io.vela.config.value.BranchName;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/** All sessions of this process by their branch, awake or not. Safe for use from any thread. */
final class SessionDirectory {
  private final ConcurrentMap<BranchName, Set<BranchSession>> sessions = new ConcurrentHashMap<>();

  void add(BranchName branch, BranchSession session) {
    sessions.compute(
        branch,
        (_, before) -> {
          var after = before == null ? new LinkedHashSet<BranchSession>(4) : before;
          after.add(session);
          return after;
        });
  }

  void remove(BranchName branch, BranchSession session) {
    sessions.computeIfPresent(
        branch,
        (_, all) -> {
          all.remove(session);
          return all.isEmpty() ? null : all;
        });
  }

  /** Of one branch, in the order in which they came. */
  List<BranchSession> of(BranchName branch) {
    var found = new ArrayList<BranchSession>();
    sessions.computeIfPresent(
        branch,
        (_, all) -> {
          found.addAll(all);
          return all;
        });
    return found;
  }

  /** Of all branches. */
  Map<BranchName, List<BranchSession>> all() {
    var found = new ConcurrentHashMap<BranchName, List<BranchSession>>();
    sessions.keySet().forEach(branch -> found.put(branch, of(branch)));
    return found;
  }
}

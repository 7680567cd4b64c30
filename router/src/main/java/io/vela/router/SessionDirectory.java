package io.vela.router;

import io.vela.config.value.BranchName;
import io.vela.router.route.TokenId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.BiConsumer;

/** All sessions of this process by their branch, awake or not. Safe for use from any thread. */
final class SessionDirectory {
  /** Each with the token on which it stands, in the order in which they came. */
  private final ConcurrentMap<BranchName, Map<BranchSession, Optional<TokenId>>> sessions =
      new ConcurrentHashMap<>();

  void add(BranchName branch, BranchSession session) {
    sessions.compute(
        branch,
        (_, before) -> {
          Map<BranchSession, Optional<TokenId>> after =
              before == null ? new LinkedHashMap<>(4) : before;
          after.putIfAbsent(session, Optional.empty());
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

  /** It got in by a token; of no consequence when it is not known here. */
  void standsOn(BranchName branch, BranchSession session, TokenId token) {
    sessions.computeIfPresent(
        branch,
        (_, all) -> {
          all.replace(session, Optional.of(token));
          return all;
        });
  }

  /** Of one branch, in the order in which they came. */
  List<BranchSession> of(BranchName branch) {
    var found = new ArrayList<BranchSession>();
    sessions.computeIfPresent(
        branch,
        (_, all) -> {
          found.addAll(all.keySet());
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

  /** Those that got in by a token. */
  List<BranchSession> standingOn(TokenId token) {
    var found = new ArrayList<BranchSession>();
    forEach(
        (session, by) -> {
          if (by.equals(Optional.of(token))) {
            found.add(session);
          }
        });
    return found;
  }

  /** The tokens on which sessions stand. */
  Set<TokenId> tokens() {
    var found = new HashSet<TokenId>();
    forEach((_, by) -> by.ifPresent(found::add));
    return found;
  }

  private void forEach(BiConsumer<BranchSession, Optional<TokenId>> action) {
    for (var branch : sessions.keySet()) {
      sessions.computeIfPresent(
          branch,
          (_, all) -> {
            all.forEach(action);
            return all;
          });
    }
  }
}

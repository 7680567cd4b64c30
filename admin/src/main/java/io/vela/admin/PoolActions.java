package io.vela.admin;

import io.vela.router.Router;

/** {@code /v1/pool}. */
final class PoolActions {
  private final Router router;

  PoolActions(Router router) {
    this.router = router;
  }

  Reply show(Call call) throws Exception {
    return Reply.ok(Views.pool(router.pool(), router.quarantine()));
  }

  Reply purge(Call call) throws Exception {
    router.purge(call.path("id"));
    return Reply.noContent();
  }
}

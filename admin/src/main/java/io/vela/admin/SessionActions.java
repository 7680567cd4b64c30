package io.vela.admin;

import io.vela.router.Router;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;

/** {@code /v1/sessions}. */
final class SessionActions {
  private final Router router;

  SessionActions(Router router) {
    this.router = router;
  }

  Reply all(Call call) {
    return sessions(router.sessions());
  }

  Reply ofBranch(Call call) throws Exception {
    return sessions(router.sessions(call.branch()));
  }

  private static Reply sessions(List<Router.SessionView> views) {
    var sessions = new JsonArray();
    views.forEach(view -> sessions.add(Views.session(view)));
    return Reply.ok(new JsonObject().put("sessions", sessions));
  }
}

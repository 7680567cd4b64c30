package io.vela.admin;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;

/**
 * What is answered.
 *
 * @param status HTTP's
 * @param mediaType of the body; empty without one
 * @param body may be empty
 */
record Reply(int status, String mediaType, Buffer body) {
  static Reply ok(JsonObject json) {
    return json(200, json);
  }

  static Reply created(JsonObject json) {
    return json(201, json);
  }

  static Reply accepted(JsonObject json) {
    return json(202, json);
  }

  static Reply noContent() {
    return new Reply(204, "", Buffer.buffer());
  }

  static Reply text(String mediaType, String text) {
    return new Reply(200, mediaType, Buffer.buffer(text));
  }

  static Reply problem(Problem problem) {
    return new Reply(problem.type().status(), Problem.MEDIA_TYPE, problem.toJson().toBuffer());
  }

  static Reply json(int status, JsonObject json) {
    return new Reply(status, "application/json", json.toBuffer());
  }
}

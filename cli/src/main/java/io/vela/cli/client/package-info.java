/** How the verbs reach the server. */
@NullMarked
package io.vela.cli.client;

import org.jspecify.annotations.NullMarked;

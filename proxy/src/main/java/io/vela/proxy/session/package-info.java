/**
 * One client connection from accept to close: its states and what moves it from one to the next.
 */
@NullMarked
package io.vela.proxy.session;

import org.jspecify.annotations.NullMarked;

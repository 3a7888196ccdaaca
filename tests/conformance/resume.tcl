# Sourced after the harness' own procedures: a group of tests goes on after a command between its tests has failed.
# The harness would leave the group there, and the whole file where the group is not inside another.

rename start_server start_server_or_leave

proc start_server {options {code undefined}} {
    if {$code ne "undefined" && $::cur_test eq ""} {
        set code [list run_each $code]
    }
    uplevel 1 [list start_server_or_leave $options $code]
}

proc run_each {code} {
    set command ""
    foreach line [split $code "\n"] {
        append command $line "\n"
        if {![info complete $command]} continue
        if {[catch {uplevel 1 $command} error]} {
            send_data_packet $::test_server_fd err "outside a test: $error\n$::errorInfo"
        }
        set command ""
    }
}

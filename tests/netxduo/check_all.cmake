# Whether the one file that firmwares compile includes every source of the core: -DALL= that file, -DSOURCES=
file(STRINGS ${ALL} included REGEX "^#include")
foreach(source IN LISTS SOURCES)
    get_filename_component(name ${source} NAME)
    if(NOT included MATCHES "src/${name}\"")
        message(SEND_ERROR "${ALL} does not include src/${name}")
    endif()
endforeach()

-- For wrk: PUT of 4 KiB each to the presigned paths of a file, whose name is the argument. The last
-- line is followed by the first one.
local requests, at = {}, 0

function init(arguments)
    local body = string.rep("x", 4096)
    for path in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("PUT", path, nil, body)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

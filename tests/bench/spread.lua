-- For wrk: requests spread over all sites of many_sites.py, for rules of three kinds that forward.
-- Its argument is the number of sites.
local paths = { "/p0", "/a2/item", "/q4/item?page=1" }
local requests = {}

function init(arguments)
    local sites = tonumber(arguments[1])
    for site = 0, sites - 1 do
        for _, path in ipairs(paths) do
            requests[#requests + 1] = wrk.format("GET", path,
                { Host = "site" .. site .. ".example.org" })
        end
    end
    math.randomseed(1)
end

function request()
    return requests[math.random(#requests)]
end
